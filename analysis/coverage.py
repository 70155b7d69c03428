"""What was looked at: the frame in which every other number of a report stands."""

from collections.abc import Iterable, Sequence

from analysis.detecting import Measure
from analysis.facts import FactWindow, TraceFacts
from analysis.looking import Looked
from analysis.outcomes import Outcomes
from domain.report import AgentBreakdown, AgentRef, Coverage
from domain.spans import SpanStatus

_MAX_UNEXPLAINED = 10


def coverage_of(
    window: FactWindow,
    looked: Looked,
    known: Outcomes,
    explaining: Iterable[Measure],
    *,
    excluded_traces: int,
    dropped_spans: int,
) -> Coverage:
    """The coverage of a window; `explaining` are the measures of findings that are more than hygiene."""
    touched = {trace_id for measure in explaining for trace_id, _ in measure.affected}
    sums = _sums(window.traces)
    return Coverage(
        traces=len(window.traces),
        spans=sums.spans,
        excluded_traces=excluded_traces,
        failing_traces=len(known.failing),
        outcome_source=known.source,
        stated_outcomes=len(known.stated),
        explained_failing_traces=len(known.failing & touched),
        dropped_spans=dropped_spans,
        error_spans=sums.error_spans,
        leaf_errors=sums.leaf_errors,
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        not_observable=looked.not_observable,
        tests_run=looked.tests_run,
        p_threshold=looked.p_threshold,
        unexplained=tuple(sorted(known.failing - touched)[:_MAX_UNEXPLAINED]),
    )


def breakdown(window: FactWindow, measures: Sequence[Measure]) -> tuple[AgentBreakdown, ...]:
    """Each agent's share, largest first; nothing for a window of one agent. `measures` are those of all findings."""
    by_agent: dict[str, list[TraceFacts]] = {}
    for trace in window.traces:
        by_agent.setdefault(trace.agent_uuid, []).append(trace)
    if len(by_agent) < 2:
        return ()
    touched = [{trace_id for trace_id, _ in measure.affected} for measure in measures]
    found = [_share(traces, touched) for traces in by_agent.values()]
    return tuple(sorted(found, key=lambda share: (-share.spans, share.agent.uuid)))


def _share(traces: Sequence[TraceFacts], touched: Sequence[set[str]]) -> AgentBreakdown:
    own = {trace.trace_id for trace in traces}
    sums = _sums(traces)
    return sums.model_copy(update={"findings": sum(1 for trace_ids in touched if trace_ids & own)})


def _sums(traces: Sequence[TraceFacts]) -> AgentBreakdown:
    """Spans, errors and the tokens of leaf LLM spans; wrappers repeat both errors and tokens."""
    spans = [span for trace in traces for span in trace.spans]
    models = [span for span in spans if span.leaf_llm]
    return AgentBreakdown(
        agent=agent_of(traces[0]) if traces else AgentRef(uuid="", name="", service=""),
        traces=len(traces),
        spans=len(spans),
        error_spans=sum(span.status is SpanStatus.ERROR for span in spans),
        leaf_errors=sum(span.leaf_error for span in spans),
        input_tokens=sum(span.input_tokens or 0 for span in models),
        output_tokens=sum(span.output_tokens or 0 for span in models),
        findings=0,
    )


def agent_of(trace: TraceFacts) -> AgentRef:
    """The agent that a trace belongs to."""
    return AgentRef(uuid=trace.agent_uuid, name=trace.agent or trace.service, service=trace.service)


def agent_seen(window: FactWindow, stated: AgentRef) -> AgentRef:
    """The agent a report is about: the stated one; without one the only agent seen, or how many there are."""
    if stated.uuid:
        return stated
    seen = {trace.agent_uuid: trace for trace in window.traces}
    if len(seen) == 1:
        return agent_of(next(iter(seen.values())))
    return AgentRef(uuid="", name=f"{len(seen)} agents" if seen else stated.name, service="")
