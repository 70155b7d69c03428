"""Claims as models write them: what was meant is understood, what cannot be is said."""

from typing import Any

import pytest

from engine.contract.answer import read_answer
from tests.engine.contract.inquiries import ALL, CALL, FAILING, QUOTE, RATE, SPAN, TRACE, finding, judged

STATUS = {"tool": "next_page", "status": "ERROR"}


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        (RATE, "18 of 29 (62.1 %)"),
        ({**RATE, "value": "62.1%"}, "18 of 29 (62.1 %)"),
        ({**RATE, "value": "0.62"}, "18 of 29 (62.1 %)"),
        ({"type": "rate", "numerator": FAILING, "denominator": ALL}, "18 of 29 (62.1 %)"),
        ({"numerator": FAILING, "of": ALL}, "18 of 29 (62.1 %)"),
        ({"type": "count", "ask": FAILING, "value": "18"}, "18"),
        ({"type": "count", **FAILING}, "18"),
        ({"query": "spans", "args": STATUS, "answer": "affected_traces"}, "6"),
        ({"type": "count", "ask": {"query": "spans", **STATUS}}, "18"),
        ({"type": "absence", "ask": {"query": "spans", "args": {"tool": "next_page", "kind": "LLM"}}}, "none"),
        ({"type": "exists", **SPAN, "field": "status.message", "quote": QUOTE}, f"`{QUOTE}`"),
        ({"type": "exists", **SPAN, "quote": QUOTE + " …"}, f"`{QUOTE}`"),
        ({"type": "quote", "span": SPAN, "field": "input.value", "quote": '{"": ""}'}, '`{"": ""}`'),
        ({"span": f"{TRACE}/{CALL}", "quote": "next_page() got"}, "`next_page() got`"),
        ({"first": {"trace_id": TRACE, "span_id": "0" * 15 + "1"}, "then": SPAN}, "0.500 s"),
        (
            {"left": {"affected": FAILING, "of": ALL}, "right": {"affected": ALL, "of": ALL}, "relation": "less"},
            "18 of 29 (62.1 %) against 29 of 29 (100.0 %)",
        ),
    ],
)
def test_a_claim_is_understood_in_the_forms_that_models_give_it(claim: dict[str, Any], shown: str) -> None:
    """A turn is dear; a missing key is cheap."""
    found = judged("Here: {c1}.", None, {"c1": claim})

    assert found.problems == ()
    assert found.answer_md == f"Here: {shown}."


@pytest.mark.parametrize(
    "claims",
    [
        [{"id": "c1", **RATE}],
        [{**RATE, "id": "{c1}"}],
        [RATE],
        {"{c1}": RATE},
    ],
)
def test_claims_may_come_as_a_list_or_under_their_references(claims: Any) -> None:
    """Both are seen in the wild."""
    assert judged("{c1.affected} of {c1.of}, {c1.rate}", None, claims).answer_md == "18 of 29, 62.1 %"


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("many", "a claim is an object"),
        ({"type": "count"}, "it names no query"),
        ({"type": "count", "ask": FAILING, "value": "many"}, "value is no number"),
        ({"type": "count", "ask": {"query": "calls"}, "value": 1}, "there is no query 'calls'"),
        ({"type": "count", "ask": {**FAILING, "answer": "errors"}}, "answers no number 'errors'"),
        ({"type": "count", "ask": {"query": "spans", "args": {"color": "red"}}}, "spans are not described by 'color'"),
        ({"type": "exists", "span": "here", "quote": "x"}, "a span is named by trace_id and span_id"),
        ({"type": "exists", **SPAN}, "quote is missing"),
    ],
)
def test_a_claim_that_cannot_be_read_says_what_it_lacks(claim: Any, said: str) -> None:
    """The model gets one chance to write it again."""
    found = judged("{c1}", None, {"c1": claim})

    assert [each.verdict for each in found.ledger] == ["not_checkable"]
    assert said in found.problems[0]


def test_findings_are_read_with_other_names_for_their_parts() -> None:
    """Opinions have no schema worth a turn."""
    said = {
        "headline": "It is misused",
        "description": "It gets an argument.",
        "recommendation": "Give none.",
        "severity": "Major",
        "owner": "the team",
        "confidence": None,
        "evidence": {"trace_id": TRACE, "span_id": CALL, "quote": QUOTE},
        "claim_ids": "{c1}",
        "unknown": 1,
    }
    (found,) = judged("", {"1": said}, {"c1": RATE}).findings

    assert (found.title, found.explanation, found.fix) == ("It is misused", "It gets an argument.", "Give none.")
    assert (found.severity, found.owner, found.confidence) == ("high", "unknown", "medium")
    assert len(found.claims) == 2
    assert found.evidence[0].field == "status.message"


def test_a_measure_of_one_query_is_counted_with_its_interval() -> None:
    """The queries of the analysis's findings know their own opportunities."""
    (found,) = judged(
        "", [finding(measure={"query": "tool_error_rate", "args": {"tool": "next_page"}}, claims=[])]
    ).findings or (None,)
    (simple,) = judged("", [finding(measure=FAILING, claims=[])]).findings

    assert simple.counts is not None
    assert (simple.counts.affected_spans, simple.counts.opportunities) == (18, 70)
    assert found is not None


@pytest.mark.parametrize("said", [None, "", [], {}, "text", 5, [5, None, "x"], [[{}]]])
def test_anything_at_all_in_the_place_of_findings_and_claims_is_read(said: Any) -> None:
    """A model that writes nonsense gets an answer, not a traceback."""
    found = judged("Nothing.", said, said)

    assert read_answer("x", said, said).answer == "x"
    assert found.answer_md == "Nothing."
    assert found.findings == ()
