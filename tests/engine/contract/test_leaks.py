"""Ways to say a number, an id or a quote that a plain search for them does not find: none reaches a report."""

import pytest

from analysis.statements import MOST_CHARS, kept
from analysis.vouching import Vouched
from tests.engine.contract.inquiries import finding, judged, merged, verified

VOUCHED = Vouched(
    names=frozenset(("gpt-4o", "Phase-II", "top_ten", "v7", "63", "forty")),
    quotes=("HTTP 429 Too Many Requests", 'he said "stop that now" and left'),
    is_id=lambda text: text in ("4711", "run-17", "4f2a9c1d00112233"),
    is_place=lambda text: text == "agent/__init__.py:40",
)
HIDDEN = [
    "fo<!-- -->urty calls", "for**ty** calls", "&frac12; of it", "&#x34;&#x37; calls", "fort\u200by calls",
    "for\u00adty calls", "f\u043erty calls", "\u0455\u0456\u0445 calls", "f o r t y calls", "for~~ty~~ calls",
    "_forty_ calls", "for`ty` calls", "[for](x)ty calls", "<b>for</b>ty calls", "<b 12 calls> fail",
    "ｆｏｒｔｙ calls", "fo\u0301rty calls", "for_ty calls", "\\4\\7 calls", "🔟 calls",
    "fo<!-- a. b -->urty calls",
]  # fmt: skip
WORDS = [
    "Two calls", "ten traces", "zero calls", "seventeen", "sixty-three", "fortytwo", "a hundred", "thousands",
    "trillions", "a dozen", "a score of calls", "scores of calls", "a gross of it", "a myriad", "half the calls",
    "a third fail", "two thirds", "three quarters", "every second call", "every third call", "every other call",
    "twice as many", "thrice", "doubled", "it triples", "tenfold", "a hundredfold", "one percent", "one pct",
    "nine percentage points", "one in every call", "one in four", "one out of many", "only one call fails",
    "XII calls", "IV calls", "Ⅻ calls", "ⅷ calls", "四十七 calls", "三次", "half_of it", "twenty_calls",
    "`forty` calls fail", "forty calls",
]  # fmt: skip
DIGITS = [
    "x4711", "USD4711", "p4711ms", "v99", "`n4711`", "calls_4711", "[link4711](x)", "[it](https://h/4711)",
    "![alt47](x)", "x²", "٤٢", "gpt-4o9", "`63` calls", "63 calls", "In trace 4711 calls fail", "4711 fails",
    "`4711` calls fail", "{claim:0}k calls", "{claim:0}%", "{claim:0}{claim:1}", "x{claim:0}",
]  # fmt: skip
QUOTES = [
    "‘nobody has ever said’", "‚nobody has ever said‘", "‹nobody has ever said›", "「nobody has ever said」",
    "＂nobody has ever said＂", "''nobody has ever said''", "'nobody has ever said'", "<q>nobody has ever said</q>",
    "&quot;nobody has ever said&quot;", "“nobody has ever said”", "»nobody has ever said«", "„nobody has ever said“",
    "> nobody has ever said", "- > nobody has ever said", "It says *nobody has ever said*.", "_nobody has ever said_",
    "The log has **nobody has ever said** in it.", "<em>nobody has ever said</em>", "`nobody has ever said`",
    "```\nnobody has ever said\n```", "~~~\nnobody has ever said\n~~~", "It says “nobody has. Ever said so.” there.",
    'It says "nobody has ever said', "「これは誰も言っていない」", "`the nobody has ever said`",
    "“Too Many Requests came back”",
]  # fmt: skip
IDS = [
    "trace abcdefab", "span `deadbeef`", "id feedface", "cafebabe", "deadbeef-dead-beef-dead-beefdeadbeef",
    "dead\u200bbeef", "d\u0435adbeef", "trace run-18", "4f2a9c1d00112234", "DEADBEEF",
]  # fmt: skip
FIXES = [
    "`63` calls fail.", "Of `63 of 64` some fail.", "It happened `4711` times.", "```\n# 4711 calls fail\nx = 1\n```",
    "```\nx = 1 // it failed 4711 times\n```", "```\n63 calls fail\n```", 'It says "nobody has ever said".',
    "‘nobody has ever said’", "```\n# he wrote 'nobody has ever said'\n```", "Wait two seconds.", "`# 4711 of them`",
    "```\n\"\"\"It failed 4711 times.\"\"\"\n```", "```\n/* 4711 calls */\n```", "`deadbeef`",
]  # fmt: skip
ORDINARY = [
    "The tool page_down takes no arguments.", "It is one of the tools the model keeps calling.",
    "The model gpt-4o and `gpt-4o` are slow, gpt-4o's answers too.",
    "The service answers `HTTP 429 Too Many Requests`.",
    "It says “429 Too Many Requests”.", "It says ‘HTTP 429 Too Many Requests’.", "> HTTP 429 Too Many Requests",
    "*HTTP 429 Too Many Requests*", 'It says "he said "stop that now" and left".',
    "`he said \"stop that now\" and left`",
    "See `agent/__init__.py:40`.", "Trace 4711 and trace `4711` and `4711` and run-17 show it.",
    "Span 4f2a9c1d00112233.",
    "First, the second call repeats the third party's error.", "The model's plan and the tools' schemas don't agree.",
    "**The schema takes no arguments.**", "**Why it keeps on failing**: the schema.", "The *retry* loop never ends.",
    "The agent often scores well, a score is a mark.", "Double-check the input; use double quotes in CI and the CLI.",
    "Someone weighted the stone, often, and attended.", "JSON, XML, ML and HTTP over UTF-8; p95 grows, base64 stays.",
    "It fails in {claim:3}, {finding:0.rate}, and ({claim:1}).", "The tool top_ten in Phase-II and v7 is fine.",
    "It's the agent's fault — the user's “stop” isn't heard.", "A list: `page_down(url)`, `foo_bar`, `a < b`.",
    "| Tool | What is wrong |", "The naïve café API, Привет, 日本語, 一般.",
    "One reason is the prompt; one may fix it.",
    "It is called with `{\"page\": next}` and a <url>.", "<details>", "Nobody else's business & none of ours.",
    "The zero-shot prompt, a facade that is effaced.", "Retry (with backoff), e.g. later; i.e. not now.",
]  # fmt: skip
PROPOSALS = [
    "Set `retries=3` and `timeout` to `30`.", "```python\nretries = 3  # more is no use\n```",
    "```yaml\nretries: 3\nmodel: gpt-9\n```", "Say `call it without any arguments`.", "```\nprint('63 calls')\n```",
    "```diff\n- wait(3)\n+ wait(30)\n```",
]  # fmt: skip


def left(text: str, *, proposal: bool = False) -> str:
    return kept(text, lambda statement: VOUCHED.objection(statement, proposal=proposal)).text


@pytest.mark.parametrize("text", [*HIDDEN, *WORDS, *DIGITS, *QUOTES, *IDS])
def test_nothing_unvouched_is_left_however_it_is_written(text: str) -> None:
    """A reader reads what it says and not how it is spelled, and so has the check."""
    assert left(text) == ""
    assert left(f"It is bad.\n\n{text}\n\nIt is late.").split("\n\n") == ["It is bad.", "It is late."]


@pytest.mark.parametrize("text", FIXES)
def test_a_fix_hides_nothing_in_code_or_quotes(text: str) -> None:
    """What a fix proposes is new; what it says of the window is not."""
    assert left(text, proposal=True) == ""


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_sentences_stay(text: str) -> None:
    """A check that drops what is harmless is a check that gets turned off."""
    assert left(text) == text


@pytest.mark.parametrize("text", PROPOSALS)
def test_a_fix_may_propose_code_with_numbers(text: str) -> None:
    """There is no other way to say what to set."""
    assert left(text, proposal=True) == text


@pytest.mark.parametrize(
    ("said", "category"),
    [
        ("tool use", "tool_use"), ("Tool-Use", "tool_use"), ("loops", "loops"), ("forty_calls", "other"),
        ("ten", "other"), ("n4711", "other"), ("deadbeef", "other"), ("for\u200bty", "other"), ("a" * 41, "other"),
        ("XII calls", "other"), ("", "other"),
    ],
)  # fmt: skip
def test_a_category_is_a_plain_slug(said: str, category: str) -> None:
    """It is shown beside the title of a finding, so it is no place for a number either."""
    found = judged("It is bad.", [finding(category=said, claims=[])])

    assert [each.category for each in found.findings] == [category]


def test_a_text_that_is_too_long_ends_with_a_statement_and_that_is_told() -> None:
    """Half a sentence can say the opposite, and what is left out in silence is taken for said."""
    found = judged("It is not bad at all. " * 4000)

    assert len(found.answer_md) <= MOST_CHARS
    assert found.answer_md.endswith("It is not bad at all.")
    assert found.dropped == ("The rest of the answer left out: it stands behind the first 40,000 characters.",)
    assert ["40,000" in problem for problem in found.problems] == [True]
    assert verified(merged(found)) == []


def test_a_list_that_grows_by_our_numbers_stays_within_what_is_read() -> None:
    """A report that was taken whole has to be verified whole."""
    once = kept("1. a\n" * 8000, VOUCHED.objection)

    assert [why for _, why in once.dropped] == ["it stands behind the first 40,000 characters"]
    assert kept(once.text, VOUCHED.objection).dropped == []
