"""The sums of a trace, against a slow and obvious way to count them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.spans import SpanKind, SpanStatus
from store.window.rollup import Identity, RollUp, roll_up

OWN, SERVICE, NAME = 99, 1, 2
ROW = st.fixed_dictionaries(
    {
        "parent": st.one_of(st.none(), st.integers(-6, 6).filter(bool)),
        "kind": st.sampled_from((SpanKind.LLM, SpanKind.TOOL, SpanKind.AGENT, SpanKind.CHAIN)),
        "status": st.sampled_from(tuple(SpanStatus)),
        "start": st.integers(0, 5),
        "duration": st.one_of(st.none(), st.integers(-2, 9)),
        "agent": st.one_of(st.none(), st.integers(10, 12)),
        "inputs": st.one_of(st.none(), st.integers(0, 100)),
        "service": st.sampled_from((SERVICE, SERVICE, OWN)),
    }
)
TRACES = st.dictionaries(st.integers(-5, 5).filter(bool), ROW, min_size=1, max_size=10)


def rows_of(trace: dict[int, dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (
            span_id,
            row["parent"],
            row["service"],
            NAME,
            int(row["kind"]),
            int(row["status"]),
            row["start"],
            row["duration"],
            None,
            row["agent"],
            row["inputs"],
            1,
        )
        for span_id, row in sorted(trace.items())
    ]


def ancestors(trace: dict[int, dict[str, Any]], span_id: int) -> list[int]:
    found: list[int] = []
    parent = trace[span_id]["parent"]
    while parent in trace and parent not in found and parent != span_id:
        found.append(parent)
        parent = trace[parent]["parent"]
    return found


@given(TRACES)
def test_errors_and_tokens_count_once_where_they_arose(trace: dict[int, dict[str, Any]]) -> None:
    """Frameworks re-raise errors and repeat token sums on the way up, and parents may form any graph at all."""
    sums = roll_up(rows_of(trace), OWN)
    is_error = {span_id: row["status"] is SpanStatus.ERROR for span_id, row in trace.items()}
    is_llm = {span_id: row["kind"] is SpanKind.LLM for span_id, row in trace.items()}
    reraised = {row["parent"] for span_id, row in trace.items() if is_error[span_id] and row["parent"] != span_id}
    loops = {span_id for span_id in trace if any(span_id in ancestors(trace, up) for up in ancestors(trace, span_id))}
    wrappers = {up for span_id in trace if is_llm[span_id] for up in ancestors(trace, span_id)} | {
        span_id for span_id in loops if is_llm[span_id]
    }

    assert sums.spans == len(trace)
    assert sums.error_spans == sum(is_error.values())
    assert sums.leaf_errors == sum(is_error[span_id] and span_id not in reraised for span_id in trace)
    assert sums.llm_spans == sum(is_llm.values())
    assert sums.input_tokens == sum(
        row["inputs"] or 0 for span_id, row in trace.items() if is_llm[span_id] and span_id not in wrappers
    )
    assert sums.start_ns == min(row["start"] for row in trace.values())
    assert sums.end_ns == max(row["start"] + max(row["duration"] or 0, 0) for row in trace.values())
    roots = [row for row in trace.values() if row["parent"] is None]
    assert sums.has_root == bool(roots)
    assert sums.rooted == any(row["duration"] is not None for row in roots)


@given(TRACES)
def test_the_owner_is_the_outermost_named_agent_that_is_not_halo(trace: dict[int, dict[str, Any]]) -> None:
    """Depth first, then time; without one the trace belongs to its service, and HALO's own belongs to nobody."""
    sums = roll_up(rows_of(trace), OWN)
    agents = sorted(
        (len(ancestors(trace, span_id)), row["start"], span_id, row["agent"])
        for span_id, row in trace.items()
        if row["kind"] is SpanKind.AGENT and row["agent"] and row["service"] != OWN
    )
    acyclic = not any(span_id in ancestors(trace, up) for span_id in trace for up in ancestors(trace, span_id))

    if all(row["service"] == OWN for row in trace.values()):
        assert sums.owner is None
    elif not agents:
        assert sums.owner == Identity(SERVICE, None, SERVICE)
    elif acyclic:
        assert sums.owner == Identity(SERVICE, agents[0][3], agents[0][3])
    if agents:
        assert sums.owner is not None
        assert {sums.owner, *sums.nested} == {Identity(SERVICE, agent, agent) for *_, agent in agents}


def test_the_length_of_a_chain_costs_neither_recursion_nor_squares() -> None:
    """A trace is attacker-controlled: each span the child of the one before, each an agent and an error."""
    length = 200_000
    rows = [
        (n, n - 1 or None, SERVICE, NAME, int(SpanKind.AGENT if n % 2 else SpanKind.LLM), 2, n, 1, None, 10, 3, 4)
        for n in range(1, length + 1)
    ]

    sums = roll_up(rows, OWN)

    assert (sums.leaf_errors, sums.input_tokens, sums.output_tokens) == (1, 3, 4)
    assert sums.owner == Identity(SERVICE, 10, 10)


def test_a_trace_of_nothing_is_nothing() -> None:
    """A trace may lose its last span between being chosen and being read."""
    assert roll_up([], OWN) == RollUp()
