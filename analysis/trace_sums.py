"""What each trace comes to: the sums and marks that whole traces are compared by."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from analysis.detecting import SpanRef
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.outcomes import first_span, outcomes
from domain.spans import SpanKind, SpanStatus


class TraceSum(NamedTuple):
    """One trace in numbers; None means that nothing of it was recorded.

    `ref` is the span that stands for it. `failing` is None where its outcome is not known. Tokens, cached tokens
    and cost are those of leaf LLM spans; cost is None as soon as one of them has no price.
    """

    ref: SpanRef
    agent_uuid: str
    agent: str
    service: str
    version: str
    task: str
    start_ns: int
    seconds: float
    tool_calls: int
    failed_tool_calls: int
    model_calls: int
    has_error: bool
    input_tokens: int | None
    tokens: int | None
    cached_tokens: int | None
    cost_usd: float | None
    failing: bool | None
    outcome_source: str  # one of analysis.outcomes.SOURCES

    @property
    def group(self) -> tuple[str, str]:
        """(service, agent uuid): whose traces are comparable but for their version and task."""
        return self.service, self.agent_uuid


def trace_sums(window: FactWindow) -> Sequence[TraceSum]:
    """Every trace that has a span, by when it began."""
    known = outcomes(window)
    found = []
    for trace in window.traces:
        first = first_span(trace)
        if first is not None:
            failing = trace.trace_id in known.failing
            is_known = failing or trace.trace_id in known.passing
            source = known.source_of.get(trace.agent_uuid, "")
            found.append(_sum(trace, first, failing if is_known else None, source))
    return sorted(found, key=lambda each: (each.start_ns, each.ref))


def by_group(sums: Iterable[TraceSum]) -> Mapping[tuple[str, str], Sequence[TraceSum]]:
    """The traces of each agent of each service, in the order given."""
    found: dict[tuple[str, str], list[TraceSum]] = {}
    for each in sums:
        found.setdefault(each.group, []).append(each)
    return found


def _sum(trace: TraceFacts, first: SpanFact, failing: bool | None, source: str) -> TraceSum:
    models = [span for span in trace.spans if span.leaf_llm]
    tools = [span for span in trace.spans if span.kind is SpanKind.TOOL]
    input_tokens = _added(span.input_tokens for span in models)
    output_tokens = _added(span.output_tokens for span in models)
    costs = [span.cost_usd for span in models]
    ends = max((span.end_ns for span in trace.spans), default=0)
    return TraceSum(
        ref=first.ref,
        agent_uuid=trace.agent_uuid,
        agent=trace.agent,
        service=trace.service,
        version=first.version,
        task=next((root.task for root in trace.roots if root.task), ""),
        start_ns=min((span.start_ns for span in trace.spans), default=0),
        seconds=max(ends - first.start_ns, 0) / 1e9,
        tool_calls=len(tools),
        failed_tool_calls=sum(span.status is SpanStatus.ERROR for span in tools),
        model_calls=len(models),
        has_error=any(span.leaf_error for span in trace.spans),
        input_tokens=input_tokens,
        tokens=None if input_tokens is None else input_tokens + (output_tokens or 0),
        cached_tokens=_added(span.cached_tokens for span in models),
        cost_usd=None if not costs or None in costs else sum(cost for cost in costs if cost is not None),
        failing=failing,
        outcome_source=source,
    )


def _added(counts: Iterable[int | None]) -> int | None:
    """The sum of what was recorded; None when nothing was."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
