"""Packed facts read as what they were made from, and a large window fits into the memory of a small pod."""

import tracemalloc
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.facts import SpanFact, TraceFacts, Verdict
from analysis.packing import Packer, kept, unpacked
from tests.analysis.building import Run
from tests.analysis.test_fact_rows import FACTS

_TEXT = st.text(max_size=4) | st.sampled_from(
    ["00000000000000ff", "00000000000000FF", "0", "0" * 16, "-000000000000001"]
)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            replace,
            FACTS,
            span_id=_TEXT,
            parent_id=_TEXT,
            scope_id=_TEXT,
            issuer_id=_TEXT,
            arguments_hash=_TEXT,
            result_like=_TEXT,
            input_tokens=st.none() | st.integers(-3, 2**70),
            cost_usd=st.none() | st.floats(allow_nan=False),
            builds_on_previous=st.none() | st.booleans(),
            verdicts=st.lists(st.builds(Verdict, _TEXT, st.none() | st.just(0.5), _TEXT, _TEXT), max_size=2).map(tuple),
        ),
        max_size=5,
    )
)
def test_a_packed_trace_equals_the_trace(spans: list[SpanFact]) -> None:
    """Ids that are none, counts that cannot be, text where a hash should stand: nothing may change by being small."""
    own = [replace(span, trace_id="t") for span in spans]
    trace = TraceFacts("t", "uuid", "agent", "service", True, tuple(own))

    packed = Packer().pack(trace)

    assert packed == trace
    assert [unpacked(span) for span in packed.spans] == own
    assert [span.ref for span in packed.spans] == [span.ref for span in own]
    assert list(packed.spans[1:]) == own[1:]


def test_every_field_is_an_attribute_of_a_packed_fact() -> None:
    """A field that is added to facts and forgotten here would break detectors in large windows only."""
    run = Run()
    run.call()
    (packed,) = (Packer().pack(trace) for trace in [run.facts()])

    assert all(hasattr(packed.spans[0], field.name) for field in fields(SpanFact))


def _calls(number: int, steps: int) -> TraceFacts:
    run = Run(number)
    for step in range(steps):
        run.call(value=str(step))
    return run.facts()


def test_packed_facts_take_a_fraction_of_the_memory() -> None:
    """A window of a million spans is analysed beside a production agent."""
    traces = [_calls(number, 10) for number in range(300)]

    def bytes_of(keep: Callable[[TraceFacts], TraceFacts]) -> int:
        tracemalloc.start()
        kept = [keep(trace) for trace in traces]
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(kept) == len(traces)
        return size

    plain = bytes_of(lambda trace: replace(trace, spans=tuple(map(unpacked, trace.spans))))
    assert bytes_of(Packer().pack) < plain / 2


def test_few_facts_are_kept_as_they_are_and_many_are_all_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain facts are faster to read; from some size on memory matters more."""
    monkeypatch.setattr("analysis.packing.PLAIN_SPANS", 25)
    traces = [_calls(number, 10) for number in range(4)]

    few, many = list(kept(traces[:1])), list(kept(traces))

    assert few == traces[:1] and isinstance(few[0].spans[0], SpanFact)
    assert many == traces and not any(isinstance(span, SpanFact) for trace in many for span in trace.spans)
