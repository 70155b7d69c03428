"""The HTML page, read by a parser: whatever a span wrote is text in it, and it asks nobody for anything."""

import re
from base64 import b64encode
from hashlib import sha256

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.planting.hostile import TEXTS
from rendering.html import page, policy
from rendering.html_text import TEXT_MAX_CHARS
from tests.rendering.pages import Read, poisoned
from tests.rendering.sample import HOSTILE, a_report
from tests.rendering.test_escaping import ANY_TEXT

ELEMENTS = """
html head meta title style body header main footer section nav article h1 h2 h3 h4 p a ul ol li dl div dt dd span
small strong code pre table thead tbody tr th td details summary figure figcaption
svg desc rect line circle polyline text
"""
ATTRIBUTES = """
lang charset content http-equiv name class id href scope tabindex open aria-label aria-labelledby role viewbox
width height x y x1 y1 x2 y2 cx cy r rx points
"""
HTML_TEXT = st.one_of(
    ANY_TEXT, st.text(alphabet=st.sampled_from(list("<>/=\"'&;!-[]scriptvgon:{}%# \n\x00\u202e")), max_size=60)
)


def kinds(read: Read) -> tuple[set[str], set[str]]:
    """The elements of a page, and the names of its attributes."""
    return set(read.elements), {name for _, name in read.attributes}


@settings(deadline=None, max_examples=60)
@given(HTML_TEXT)
@example(HOSTILE)
@example("</script><img src=x onerror=alert(1)>")
@example("{{ 7 * 7 }}{% raw %}")
def test_no_text_of_a_span_becomes_markup(text: str) -> None:
    """The page is opened by people who can approve deployments; a span is written by whoever talks to the agent."""
    read = Read.of(page(poisoned(text)))
    elements, attributes = kinds(read)

    assert elements <= set(ELEMENTS.split())
    assert attributes <= set(ATTRIBUTES.split())
    assert not read.open and not read.unbalanced and not read.other
    assert read.elements["a"] == read.elements["article"] * 2


def test_hostile_text_changes_words_but_never_the_structure() -> None:
    """Element for element the page is the one that harmless text makes."""
    harmless = Read.of(page(poisoned("word"))).elements

    for text in TEXTS:
        hostile = Read.of(page(poisoned(text))).elements
        assert {**hostile, "p": 0, "code": 0, "strong": 0, "li": 0, "ul": 0} == {
            **harmless, "p": 0, "code": 0, "strong": 0, "li": 0, "ul": 0
        }  # fmt: skip


def test_the_page_asks_nobody_for_anything() -> None:
    """It may be opened where the network must not know that somebody reads it."""
    read = Read.of(page(poisoned(HOSTILE)))

    assert all(target.startswith("#finding-") for target in read.values["href"])
    assert "src" not in read.values and "style" not in read.values
    style = next(text for text in read.texts if ":root" in text)
    assert "url(" not in style and "@import" not in style


def test_the_policy_allows_this_style_sheet_and_nothing_else() -> None:
    """What escaping would miss once, the browser refuses all the same."""
    made = page(a_report())
    style = re.search(r"<style>(.*?)</style>", made, re.DOTALL)

    assert style is not None
    own = b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy() == f"default-src 'none'; style-src 'sha256-{own}'; base-uri 'none'; form-action 'none'"
    assert policy() in Read.of(made).values["content"]


def test_ids_are_unique_and_every_reference_has_one() -> None:
    """Links of the contents lead somewhere, and each chart is announced by its own title."""
    read = Read.of(page(poisoned("word")))
    ids = read.values["id"]

    assert len(ids) == len(set(ids))
    named = [each for value in read.values["aria-labelledby"] for each in value.split()]
    assert {*named, *(target[1:] for target in read.values["href"])} <= set(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", each) for each in ids)


def test_every_finding_is_there_with_its_brief_and_its_numbers() -> None:
    """The page replaces no other rendering, so it leaves out nothing that they have."""
    report = a_report()
    text = "\n".join(Read.of(page(report)).texts)

    for finding in report.findings:
        assert finding.title in text and finding.explanation in text and finding.fix in text
        assert f"Failure:   {finding.title}" in text
        assert finding.fingerprint in text
    assert "63 of 64 (98 %; 95 % interval 92 % to 99.7 %)" in text
    assert "25 traces seen, 1 excluded, 14 failing, of which 13 (93 %) are explained by at least one finding." in text


def test_what_acts_instead_of_being_seen_is_written_out() -> None:
    """An override that turns a file name around, or a space without width in a command, deceives whoever copies it."""
    acting = "\x1b[31m \u202e \u2066 \u200b \u2060 \ufeff \u00ad \U000e0041 \ud800 \x00"
    text = "".join(Read.of(page(poisoned(f"a {acting} b"))).texts)

    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2060\u202a-\u202e\u2066-\u2069\u00ad\ud800-\udfff]", text)
    assert r"a \x1b[31m \u202e \u2066 \u200b \u2060 \ufeff \u00ad \U000e0041 \ud800 \x00 b" in text


def test_a_megabyte_in_one_field_is_cut_and_said_to_be() -> None:
    """A page that does not open is no report."""
    made = page(poisoned("x" * 1_000_000))

    assert len(made) < 100 * TEXT_MAX_CHARS
    assert f"({1_000_000 - TEXT_MAX_CHARS:,} more characters)" in made


def test_a_report_without_findings_and_without_traces_is_a_page_too() -> None:
    """The quiet report is the one that should come most often."""
    coverage = a_report().coverage.model_copy(update={"traces": 0, "failing_traces": 0, "explained_failing_traces": 0})
    read = Read.of(page(a_report(findings=(), agents=(), narrative_md="", coverage=coverage)))

    assert "No systemic failure was found in this window." in "".join(read.texts)
    assert not read.open and not read.unbalanced
