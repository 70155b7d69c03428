"""Claims whose words are right and whose sets are not: spellings that count to zero, shares of what is no whole."""

from typing import Any

import pytest

from tests.engine.contract.inquiries import ALL, FAILING, judged


def spans(answer: str = "affected_spans", **args: Any) -> dict[str, Any]:
    return {"query": "spans", "args": args, "answer": answer}


@pytest.mark.parametrize("status", ["error", "Error", "ERROR"])
def test_a_choice_counts_in_whatever_case_it_is_written(status: str) -> None:
    """Models write "error" all the time; read as a name it would count to zero, and zero would be believed."""
    claim = {"type": "rate", "numerator": spans(tool="next_page", status=status), "denominator": ALL}

    assert judged("It fails in {c1}.", None, {"c1": claim}).answer_md == "It fails in 18 of 29 (62.1 %)."


@pytest.mark.parametrize(
    "claim",
    [
        {"type": "absence", "ask": spans(tool="next_page", status="failed")},
        {"type": "absence", "ask": spans(tool="Next_Page")},
        {"type": "absence", "ask": spans(agent="billing")},
        {"type": "count", "ask": spans(tool="zzz"), "value": 0},
        {"type": "rate", "numerator": spans(tool="next_page", status="oops"), "denominator": ALL, "value": 0.0},
        {
            "type": "comparison",
            "left": {"affected": FAILING, "of": ALL},
            "right": {"affected": spans(status="wrong"), "of": spans(kind="LLM")},
            "relation": "higher",
        },
    ],
)
def test_what_nothing_in_the_window_bears_is_no_observation(claim: dict[str, Any]) -> None:
    """That a misspelt thing never happened is true of everything."""
    found = judged("See {c1}.", None, {"c1": claim})

    assert found.answer_md == ""
    assert all(each.verdict != "confirmed" for each in found.ledger)


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        (spans(status="ERROR"), spans(status="UNSET")),
        (ALL, FAILING),
        (spans(kind="LLM"), ALL),
        (spans("affected_traces", tool="next_page"), ALL),
        (spans("wasted_seconds", tool="next_page"), ALL),
        (FAILING, {"query": "unusable_tool", "args": {}, "answer": "opportunities"}),
    ],
)
def test_a_share_is_of_what_it_is_a_part_of(part: dict[str, Any], whole: dict[str, Any]) -> None:
    """A ratio of two unrelated counts may come out as any number."""
    found = judged("In {c1}.", None, {"c1": {"type": "rate", "numerator": part, "denominator": whole}})

    assert found.answer_md == ""


def test_traces_are_a_share_of_traces() -> None:
    """How many runs are touched is what people ask first."""
    claim = {
        "type": "rate",
        "numerator": spans("affected_traces", tool="next_page", status="ERROR"),
        "denominator": spans("traces", tool="next_page"),
    }

    assert judged("In {c1}.", None, {"c1": claim}).answer_md == "In 6 of 12 (50.0 %)."


def test_a_finding_that_counts_nothing_is_none() -> None:
    """Zero of eight is not a failure."""
    finding = {
        "title": "It never fails",
        "severity": "critical",
        "measure": {"affected": spans(tool="next_page", kind="LLM"), "of": ALL},
    }

    assert judged("See below.", [finding]).findings == ()
