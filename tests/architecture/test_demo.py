"""The demo's verdict: a fault that the report miscounts, or does not name, fails the demo."""

from typing import Any

import pytest

from demo import print_comparison

TOOL_FAULT = {"tool": "next_page", "failures": 24, "traces": 6}
NO_FAULT = {"tool": None, "failures": 0, "traces": 0}
CUT_ANSWERS = {"tool": None, "failures": 2, "traces": 2}


def finding(detector: str, title: str, spans: int, traces: int) -> dict[str, Any]:
    """What the comparison reads of a finding."""
    return {"detector": detector, "title": title, "counts": {"affected_spans": spans, "affected_traces": traces}}


UNUSABLE = finding("unusable_tool", "next_page fails in 24 of 24 calls", 24, 6)
TRUNCATED = finding("truncated_output", "2 of 152 model answers were cut off", 2, 2)


def test_a_report_with_the_agents_own_counts_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """The table is what people look at, so both counts stand in it."""
    counts = {"faults": {"unusable_tool": TOOL_FAULT, "truncated": CUT_ANSWERS, "loop": NO_FAULT}}

    assert print_comparison(counts, {"findings": [TRUNCATED, UNUSABLE]})
    printed = capsys.readouterr().out
    assert "unusable tool: next_page" in printed
    assert printed.count("24 in 6 traces") == 2
    assert "loop" not in printed


@pytest.mark.parametrize(
    "findings",
    [
        [TRUNCATED],
        [TRUNCATED, finding("unusable_tool", "next_page fails in 23 of 24 calls", 23, 6)],
        [TRUNCATED, finding("unusable_tool", "next_page fails in 24 of 24 calls", 24, 5)],
        [TRUNCATED, finding("unusable_tool", "prev_page fails in 24 of 24 calls", 24, 6)],
        [UNUSABLE],
    ],
    ids=["not named", "a call missing", "a trace missing", "another tool", "no truncation"],
)
def test_a_report_that_says_otherwise_fails(findings: list[dict[str, Any]]) -> None:
    """A demo that cannot fail shows nothing."""
    counts = {"faults": {"unusable_tool": TOOL_FAULT, "truncated": CUT_ANSWERS}}

    assert not print_comparison(counts, {"findings": findings})
