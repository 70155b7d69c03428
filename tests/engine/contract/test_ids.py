"""Ids as people and models write them."""

import pytest

from domain.claims import SpanRef
from domain.source_ids import otlp_id
from engine.contract.ids import KnownIds
from engine.tooling import ShownIds

TRACE, SPAN = "4f2a9c1d" * 4, "00ab34cd00112233"
FILED = otlp_id("run/17", 16).hex(), otlp_id("step 3", 8).hex()
IDS = KnownIds(ShownIds({TRACE, "run/17"}, {(TRACE, SPAN), FILED}))


@pytest.mark.parametrize(
    ("trace_id", "span_id", "known"),
    [
        (TRACE, SPAN, (TRACE, SPAN)),
        (TRACE.upper(), f" {SPAN.upper()} ", (TRACE, SPAN)),
        ("run/17", "step 3", FILED),
        (*FILED, FILED),
        (TRACE, "step 3", None),
        (TRACE, SPAN[:8], None),
        ("run/18", "step 3", None),
    ],
)
def test_a_span_is_known_by_every_name_it_has(trace_id: str, span_id: str, known: tuple[str, str] | None) -> None:
    """Files call traces what they like, and tools show it."""
    ref = None if known is None else SpanRef(trace_id=known[0], span_id=known[1])

    assert IDS.span(trace_id, span_id) == ref


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (TRACE, True),
        (SPAN, True),
        ("run/17", True),
        ("step 3", True),
        (TRACE[:8], True),
        (TRACE[:7], False),
        ("run/1", False),
    ],
)
def test_a_text_may_name_what_was_shown(said: str, known: bool) -> None:
    """The beginning of an id is how people write it; seven characters could be a word."""
    assert IDS.has(said) is known
