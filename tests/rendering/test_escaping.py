"""Escaping, checked against a real Markdown parser."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rendering.escaping import cell_code, code, fenced, inline, one_line, visible
from tests.rendering.sample import HOSTILE

MARKUP = st.text(alphabet=st.sampled_from(list("ab1 \n\\`*_[]()<>|~#+-=.:/!&;@$'\"{}")), max_size=40)
ANY_TEXT = st.one_of(MARKUP, st.text(max_size=60))
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def read_back(markdown: str) -> tuple[list[str], set[str]]:
    """The text of every inline block, and the kinds of everything else in it."""
    texts, kinds = [], set()
    for token in PARSER.parse(markdown):
        if token.type in ("fence", "code_block", "html_block"):
            texts.append(token.content)
            kinds.add(token.type)
        for child in token.children or []:
            kinds.add(child.type)
        if token.type == "inline":
            texts.append("".join(child.content for child in token.children or []))
    return texts, kinds


@settings(deadline=None)
@given(ANY_TEXT)
@example(HOSTILE)
@example("1. one")
@example("--- x")
def test_inline_text_reads_back_as_itself_in_a_paragraph_a_heading_and_a_list(text: str) -> None:
    """An agent's name must not be able to become a heading, a link or HTML."""
    wanted = one_line(text)
    for before in ("", "# ", "- ", "x "):
        texts, kinds = read_back(before + inline(text))
        assert "".join(texts).strip() == (before.strip("# -") + " " + wanted).strip()
        assert kinds <= {"text", "text_special"}


@settings(deadline=None)
@given(ANY_TEXT)
@example("a\\|b")
@example("|`|`")
def test_cells_read_back_as_themselves(text: str) -> None:
    """A pipe in a tool name must not shift a table's numbers to another column."""
    wanted = one_line(text)
    table = f"| a | b | c |\n|---|---|---|\n| {inline(text)} | {cell_code(text)} | 7 |"
    texts, kinds = read_back(table)

    assert texts[:3] == ["a", "b", "c"]
    assert texts[3].strip() == wanted
    assert texts[4].strip() == wanted
    assert texts[5:] == ["7"]
    assert kinds <= {"text", "text_special", "code_inline"}


@settings(deadline=None)
@given(ANY_TEXT)
@example(HOSTILE)
def test_code_and_fences_hold_whatever_is_put_into_them(text: str) -> None:
    """A quote that closes its fence early could go on as the report's own words."""
    texts, _ = read_back(f"x {code(text)}")
    assert texts[0][2:].strip() == one_line(text)
    texts, kinds = read_back(fenced(text))
    assert texts == [visible(text) + "\n"]
    assert kinds == {"fence"}


@settings(deadline=None)
@given(st.text())
def test_nothing_visible_writes_can_drive_a_terminal(text: str) -> None:
    """Escape sequences in a span could otherwise rewrite what the reader sees."""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", visible(text))


def test_links_that_github_would_make_of_bare_addresses_are_broken_up() -> None:
    """A report is pasted into issues, where bare addresses become links."""
    assert inline("see https://evil.test or www.evil.test") == "see https\\://evil.test or www\\.evil.test"


def test_identifiers_stay_readable() -> None:
    """Most names contain underscores; escaping each would make the report unreadable in an editor."""
    assert inline("page_down of my_tool-v2 (3.5)") == "page_down of my_tool-v2 (3.5)"
