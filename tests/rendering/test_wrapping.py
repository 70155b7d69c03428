"""Text on a terminal is broken between words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rendering.escaping import display_width
from rendering.terminal import BOLD, markdown, style
from rendering.wrapping import wrapped


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("short", ["short"]),
        ("one two three four", ["one two", "three four"]),
        ("- one two three", ["- one two", "  three"]),
        ("12. one two three", ["12. one", "    two", "    three"]),
        ("> one two three", ["> one two", "> three"]),
        ("a-word-that-is-longer-than-a-line and more", ["a-word-that-is-longer-than-a-line", "and more"]),
        ("日本 日本 日本", ["日本 日本", "日本"]),
        ("", [""]),
    ],
)
def test_a_line_is_broken_between_words_and_keeps_its_indent(line: str, lines: list[str]) -> None:
    """A report is read in terminals of all widths."""
    assert wrapped(line, 10) == lines


def test_colours_take_no_room() -> None:
    """A word in bold is as wide as it looks."""
    bold = style("one", BOLD, True)

    assert wrapped(f"{bold} {bold} {bold}", 11) == [f"{bold} {bold} {bold}"]


@given(st.text(alphabet="ab -", max_size=80), st.integers(min_value=8, max_value=40))
def test_no_word_is_lost_and_no_line_too_wide_unless_a_word_is(text: str, width: int) -> None:
    """What is broken differently must still say the same."""
    lines = wrapped(text, width)

    assert re.sub(r"\s+", "", "".join(lines)) == re.sub(r"\s+", "", text)
    assert all(display_width(line) <= width or " " not in line.strip().removeprefix("- ") for line in lines)


def test_code_and_tables_of_a_report_are_not_broken() -> None:
    """What is pasted has to stay as it is."""
    text = "word " * 10 + "\n```\n" + "code " * 10 + "\n```\n| " + "cell " * 10 + "|\n|---|"

    shown = markdown(text, colour=True, width=20).split("\n")

    assert any("code code code code code" in line for line in shown)
    assert any("cell cell cell cell cell" in line for line in shown)
    assert shown[0] == "word word word word"
