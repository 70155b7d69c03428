"""Claims are checked against facts and bytes, whoever makes them: what is wrong is called so, with the right number."""

from collections.abc import Mapping

import pytest
from pydantic import TypeAdapter, ValidationError

from analysis.claims import Checker, claims_of, ledger_of
from analysis.looking import shipped_detectors
from domain.claims import Ask, Claim, Scalar
from domain.spans import StoredSpan
from tests.analysis.building import Run, unusable, window
from tests.analysis.stored import one_trace
from tests.spans import make_span

CLAIM: TypeAdapter[Claim] = TypeAdapter(Claim)
STORED = one_trace(make_span(1, {"output.value": "order 77 is closed"}))
PAGE_DOWN: dict[str, Scalar] = {"tool": "page_down", "service": ""}


def read_span(trace_id: str, span_id: str) -> StoredSpan | None:
    return next((span for span in STORED.spans if (span.trace_id, span.span_id) == (trace_id, span_id)), None)


def checker() -> Checker:
    return Checker(unusable(), shipped_detectors(), read_span)


def asked(query: str = "unusable_tool", answer: str = "affected_spans", **args: Scalar) -> dict[str, object]:
    return {"query": query, "args": args or PAGE_DOWN, "answer": answer}


def verdict(claim: Mapping[str, object]) -> tuple[str, str]:
    checked = checker().check(CLAIM.validate_python({"text": "said", **claim}))
    return checked.verdict, checked.found


def test_a_count_is_confirmed_or_the_right_number_is_told() -> None:
    """Sixteen of seventeen calls of the fixture fail."""
    assert verdict({"type": "count", "ask": asked(), "value": 16}) == ("confirmed", "16")
    assert verdict({"type": "count", "ask": asked(), "value": 17}) == ("wrong", "16")


def test_a_rate_is_held_to_as_many_digits_as_it_is_claimed_with() -> None:
    """16 of 17 is 0.941: who says 0.94 is right, who says 0.95 is not, and who says 0.9412 is."""

    def rate(value: float) -> str:
        claim = {"type": "rate", "numerator": asked(), "denominator": asked(answer="opportunities"), "value": value}
        return verdict(claim)[0]

    assert [rate(value) for value in (0.94, 0.95, 0.9412, 0.9413)] == ["confirmed", "wrong", "confirmed", "wrong"]
    told = {"type": "rate", "numerator": asked(), "denominator": asked(answer="opportunities"), "value": 0.5}
    assert verdict(told)[1].startswith("16 of 17 (94.1%, 95 % interval ")


def test_a_rate_of_nothing_cannot_be_checked() -> None:
    """No call is no rate, neither 0 nor 1."""
    nothing = asked(tool="no_such_tool", service="")
    claim = {"type": "rate", "numerator": nothing, "denominator": {**nothing, "answer": "opportunities"}, "value": 0.0}

    assert verdict(claim) == ("not_checkable", "nothing could have shown it in this window")


def test_a_quote_must_stand_in_the_field_of_the_span_that_is_named() -> None:
    """A quote that is true of the world but not of the span proves nothing."""
    span = STORED.spans[0]

    def exists(**other: object) -> tuple[str, str]:
        place = {"trace_id": span.trace_id, "span_id": span.span_id}
        return verdict(
            {"type": "exists", "span": place, "field": "attributes.output.value", "quote": "is closed", **other}
        )

    assert exists()[0] == "confirmed"
    assert exists(quote="is open") == ("not_found", "attributes.output.value does not hold this text")
    assert exists(quote="") == ("not_found", "attributes.output.value does not hold this text")
    assert exists(field="attributes.input.value")[1] == "the span has no field attributes.input.value"
    assert exists(span={"trace_id": span.trace_id, "span_id": "00000000000000ee"})[0] == "not_found"


def test_order_is_that_of_beginnings_within_one_scope() -> None:
    """What lies in different scopes runs side by side, and says nothing of cause."""
    run, other = Run(1), Run(2)
    first, then = run.bare_call(), run.bare_call()
    foreign = other.bare_call()
    facts = Checker(window(run, other), {}, lambda trace_id, span_id: None)

    def order(one: tuple[str, str], two: tuple[str, str]) -> tuple[str, str]:
        places = [{"trace_id": trace_id, "span_id": span_id} for trace_id, span_id in (one, two)]
        claim = {"type": "order", "text": "said", "first": places[0], "then": places[1]}
        checked = facts.check(CLAIM.validate_python(claim))
        return checked.verdict, checked.found

    assert order((run.trace_id, first), (run.trace_id, then)) == (
        "confirmed",
        "the first began 1.000 s before the other",
    )
    assert order((run.trace_id, then), (run.trace_id, first))[0] == "wrong"
    assert order((run.trace_id, first), (other.trace_id, foreign)) == ("wrong", "the spans do not lie in one scope")
    assert order((run.trace_id, first), (run.trace_id, "00000000000000ee"))[0] == "not_found"


def test_absence_is_a_count_of_zero() -> None:
    """`It never happens` is a claim like any other."""
    assert verdict({"type": "absence", "ask": asked("spans", tool="look", status="ERROR")})[0] == "confirmed"
    assert verdict({"type": "absence", "ask": asked("spans", tool="page_down", status="ERROR")}) == ("wrong", "16")


def test_a_comparison_needs_a_difference_that_is_no_chance() -> None:
    """16 of 17 against 0 of 4 is a difference; 16 of 17 against 16 of 17 is none, in whatever direction."""

    def share(tool: str) -> dict[str, object]:
        return {
            "affected": asked("spans", tool=tool, status="ERROR"),
            "of": asked("spans", tool=tool),
        }

    def compared(left: str, right: str, relation: str) -> str:
        claim = {"type": "comparison", "left": share(left), "right": share(right), "relation": relation}
        return verdict(claim)[0]

    assert compared("page_down", "look", "higher") == "confirmed"
    assert compared("look", "page_down", "lower") == "confirmed"
    assert compared("page_down", "look", "lower") == "wrong"
    assert compared("page_down", "page_down", "different") == "wrong"
    assert compared("page_down", "nothing", "higher") == "not_checkable"


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (asked("no_such_query"), "there is no query 'no_such_query'"),
        (asked("spans", colour="red"), "spans are not described by 'colour'"),
        (asked("unusable_tool", wrong="argument"), "unusable_tool cannot take these arguments (KeyError)"),
        (asked(answer="mood"), "unusable_tool answers no number 'mood'"),
    ],
)
def test_what_cannot_be_asked_is_not_checkable(ask: dict[str, object], said: str) -> None:
    """A claim that nobody can check is an opinion, and is told as one."""
    judged, found = verdict({"type": "count", "ask": ask, "value": 1})

    assert judged == "not_checkable"
    assert found.startswith(said)


def test_a_claim_with_a_key_that_nobody_knows_is_refused() -> None:
    """A misspelt argument would otherwise go unchecked."""
    with pytest.raises(ValidationError):
        CLAIM.validate_python({"type": "count", "text": "said", "ask": asked(), "value": 1, "valeu": 2})


def test_the_ledger_adds_up() -> None:
    """A reader sees at a glance how much of a report stands."""
    counts = [{"type": "count", "text": "said", "ask": asked(), "value": value} for value in (16, 15)]
    lost = {"type": "count", "text": "said", "ask": asked("nothing"), "value": 1}
    claims = [(CLAIM.validate_python(each), "f") for each in (*counts, lost)]

    made = ledger_of(claims, checker().check)

    assert (made.confirmed, made.wrong, made.not_found, made.not_checkable) == (1, 1, 0, 1)
    assert [each.about for each in made.ledger] == ["f", "f", "f"]


def test_findings_without_queries_claim_nothing() -> None:
    """What cannot be asked cannot be claimed."""
    assert list(claims_of([])) == []
    assert Ask(query="spans").answer == "affected_spans"
