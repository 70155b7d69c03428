"""Measures as the numbers of a report; the one place where anything is rounded.

Rates have six digits, seconds three. Sums are made in integers before that, so that the same facts give the
same number on every machine.
"""

from collections.abc import Iterable, Mapping

from analysis.detecting import Measure, SpanRef
from analysis.facts import FactWindow, Remembered, TraceFacts
from analysis.statistics import wilson
from domain.report import Counts, Scalar, Split, Waste

_MAX_DEPTH = 200
"""How far up a span's ancestors are looked at for one that is wasted as well."""


def rounded_rate(rate: float) -> float:
    """A rate as reports state it."""
    return round(rate, 6)


def rounded_seconds(nanoseconds: int) -> float:
    """Seconds as reports state them."""
    return round(nanoseconds / 1e9, 3)


def rounded_milliseconds(nanoseconds: int) -> float:
    """Milliseconds as reports state them."""
    return round(nanoseconds / 1e6, 3)


def counts_of(measure: Measure) -> Counts:
    """Affected of opportunities with its interval."""
    affected, of = len(measure.affected), measure.opportunities
    low, high = wilson(affected, of)
    return Counts(
        affected_spans=affected,
        opportunities=of,
        affected_traces=len({trace_id for trace_id, _ in measure.affected}),
        traces=measure.traces,
        rate=rounded_rate(affected / of if of else 0.0),
        ci_low=rounded_rate(low),
        ci_high=rounded_rate(high),
    )


def splits_of(measure: Measure) -> tuple[Split, ...]:
    """The splits of a measure."""
    return tuple(
        Split(by=each.by, value=each.value, affected=each.affected, opportunities=each.opportunities)
        for each in measure.splits
    )


def waste_of(window: FactWindow, wasted: Iterable[SpanRef]) -> Waste:
    """Seconds of the wasted spans and tokens of the leaf LLM spans in and under them, each counted once.

    A wasted span inside another wasted span is part of it.
    """
    refs = frozenset(wasted)
    traces = window.once(traces_by_id)
    total_tokens, total_ns = 0, 0
    for trace_id, span_id in sorted(refs):  # trace by trace: what is computed of one is remembered for a while
        trace = traces.get(trace_id)
        span = trace.by_id.get(span_id) if trace is not None else None
        if trace is None or span is None or _lies_in_wasted(trace, span_id, refs):
            continue
        total_tokens += _TOKENS_BELOW.of(trace).get(span_id, 0)
        total_ns += max(span.end_ns - span.start_ns, 0) if span.end_ns else 0
    return Waste(tokens=total_tokens, seconds=rounded_seconds(total_ns))


def expected(window: FactWindow, measure: Measure) -> dict[str, Scalar]:
    """What a query of a finding answers."""
    counts, waste = counts_of(measure), waste_of(window, measure.wasted)
    return {
        "affected_spans": counts.affected_spans,
        "opportunities": counts.opportunities,
        "affected_traces": counts.affected_traces,
        "traces": counts.traces,
        "wasted_tokens": waste.tokens,
        "wasted_seconds": waste.seconds,
        **dict(measure.figures),
    }


def traces_by_id(window: FactWindow) -> Mapping[str, TraceFacts]:
    """The traces of a window by id."""
    return {trace.trace_id: trace for trace in window.traces}


def _tokens_below(trace: TraceFacts) -> Mapping[str, int]:
    """The tokens of the leaf LLM spans in and under each span that has any; spans in a circle of parents have none."""
    found: dict[str, int] = {}
    spans = trace.by_id
    open_children = dict.fromkeys(spans, 0)
    for span in spans.values():
        if span.parent_id in open_children:
            open_children[span.parent_id] += 1
    ready = [span_id for span_id, count in open_children.items() if not count]
    for span_id in ready:  # the list grows while it is walked: a queue, children before parents
        span = spans[span_id]
        own = (span.input_tokens or 0) + (span.output_tokens or 0) if span.leaf_llm else 0
        total = found.get(span_id, 0) + own
        if total:
            found[span_id] = total
        if span.parent_id in open_children:
            if total:
                found[span.parent_id] = found.get(span.parent_id, 0) + total
            open_children[span.parent_id] -= 1
            if not open_children[span.parent_id]:
                ready.append(span.parent_id)
    return found


_TOKENS_BELOW: Remembered[Mapping[str, int]] = Remembered(_tokens_below)


def _lies_in_wasted(trace: TraceFacts, span_id: str, wasted: frozenset[SpanRef]) -> bool:
    spans = trace.by_id
    at = spans[span_id].parent_id
    for _ in range(_MAX_DEPTH):
        if (trace.trace_id, at) in wasted and at != span_id:
            return True
        above = spans.get(at)
        if above is None:
            return False
        at = above.parent_id
    return False
