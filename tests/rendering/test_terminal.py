"""Tables and reports on a terminal."""

import re

from rendering.markdown import render
from rendering.terminal import markdown, pairs, table
from tests.rendering.sample import HOSTILE, a_hostile_report, a_report

SGR = re.compile(r"\x1b\[[0-9;]+m")


def test_columns_are_aligned_numbers_to_the_right() -> None:
    """Ids and counts are compared down a column."""
    shown = table(["name", "traces"], [["a", 5], ["日本", 1_204], ["long name", None]])

    assert shown.split("\n") == [
        "NAME       TRACES",
        "a               5",
        "日本        1,204",
        "long name       -",
    ]


def test_without_colour_there_is_no_escape_sequence_and_with_it_only_ours() -> None:
    """Output is piped into other programs, and spans contain escape sequences."""
    rows = [[HOSTILE, "failed"]]

    assert "\x1b" not in table(["name", "status"], rows)
    assert set(SGR.findall(table(["name", "status"], rows, colour=True))) == {"\x1b[1m", "\x1b[31m", "\x1b[0m"}
    assert "\x1b" not in pairs([("name", HOSTILE)])
    assert "\x1b" not in markdown(HOSTILE, colour=False)
    assert "\x1b" not in SGR.sub("", markdown(render(a_hostile_report()), colour=True))


def test_a_plain_report_is_its_markdown() -> None:
    """What is piped is what the file holds."""
    text = render(a_report())

    assert markdown(text, colour=False) == text


def test_on_a_terminal_headings_stand_out_and_escapes_are_resolved() -> None:
    """Backslashes are for Markdown, not for people."""
    shown = markdown("# a \\*b\n**How:** `x` \\<y\n```text\n# \\*\n```", colour=True)

    assert SGR.sub("", shown) == "a *b\nHow: x <y\n```text\n# \\*\n```"
    assert shown.startswith("\x1b[1;36ma *b\x1b[0m")


def test_pairs_leave_out_what_is_not_there() -> None:
    """A line without a value says nothing."""
    assert pairs([("id", "r1"), ("error", None), ("status", "failed")]) == "id      r1\nstatus  failed"
