"""Which traces failed: the hinge of every ranking, so a report prints where its answer comes from.

For each agent the first of these that says anything of any of its traces decides:
`evaluation` (verdicts on traces or their roots, see `analysis.verdicts`), `feedback` (the same, by users),
`root_status` (a root with status ERROR), `structural`. Where evaluations or feedback decide, a trace without any
fails when its root has status ERROR and is unknown otherwise. By structure a trace failed that is unfinished,
holds an error that nothing made good, or ends without a final answer though its agent's traces mostly have one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from analysis.completeness import structural_gaps
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.failures import unrecovered
from analysis.verdicts import judgements
from domain.spans import SpanKind, SpanStatus

Stratum = tuple[str, str]
"""(service, version): within one, traces are expected to fail alike."""
SOURCES = ("evaluation", "feedback", "root_status", "structural")
"""What can say that a trace failed, most trusted first."""
_USUAL = 0.8
"""Of an agent's traces so many end with a final answer where one that does not is odd."""
_FEWEST_RUNS = 5


@dataclass(frozen=True)
class Outcomes:
    """The failing traces of a window, and what said so.

    `stated` are the traces whose outcome something said in so many words: an evaluation, feedback, the status of
    their root. `passing` are those that did not fail; a trace in neither has no known outcome. `source_of` is the
    source by agent.
    """

    source: str
    failing: frozenset[str]
    stated: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()
    source_of: Mapping[str, str] = field(default_factory=dict)


def outcomes(window: FactWindow) -> Outcomes:
    """Failing and passing traces by trace id; the source joins all names where agents differ."""
    return window.once(_outcomes)


def _outcomes(window: FactWindow) -> Outcomes:
    source_of = _sources(window)
    broken = window.once(_broken)
    judged = window.once(judgements)
    failing: set[str] = set()
    passing: set[str] = set()
    stated: set[str] = set()
    for trace in window.traces:
        source, trace_id = source_of[trace.agent_uuid], trace.trace_id
        failed: bool | None
        if source == "structural":
            failed = trace_id in broken
        else:
            passed = getattr(judged[trace_id], source) if trace_id in judged and source != "root_status" else None
            failed = (not passed) if passed is not None else _root_failed(trace)
            if passed is None and not failed:
                failed = False if source == "root_status" else None
            if passed is not None or (source == "root_status" and _root_says(trace)):
                stated.add(trace_id)
        if failed is not None:
            (failing if failed else passing).add(trace_id)
    present = set(source_of.values()) or {"structural"}
    return Outcomes(
        "+".join(source for source in SOURCES if source in present),
        frozenset(failing),
        frozenset(stated),
        frozenset(passing),
        source_of,
    )


def _sources(window: FactWindow) -> Mapping[str, str]:
    """What decides for each agent."""
    judged = window.once(judgements)
    best: dict[str, int] = {}
    for trace in window.traces:
        said = judged.get(trace.trace_id)
        place = SOURCES.index("structural")
        if said is not None:
            place = SOURCES.index("evaluation" if said.evaluation is not None else "feedback")
        elif _root_failed(trace):
            place = SOURCES.index("root_status")
        best[trace.agent_uuid] = min(place, best.get(trace.agent_uuid, place))
    return {agent: SOURCES[place] for agent, place in best.items()}


def strata(window: FactWindow) -> Mapping[str, Stratum]:
    """The stratum of each trace."""
    return {trace.trace_id: (trace.service, version_of(trace)) for trace in window.traces}


def first_span(trace: TraceFacts) -> SpanFact | None:
    """The span that stands for a trace: its first root, else its first span."""
    return trace.roots[0] if trace.roots else trace.spans[0] if trace.spans else None


def version_of(trace: TraceFacts) -> str:
    """The `service.version` of a trace."""
    first = first_span(trace)
    return first.version if first is not None else ""


def without_final_answer(window: FactWindow) -> frozenset[str]:
    """Traces whose root AGENT span has no output though at least 80 % of its agent's (at least five) have one."""
    roots = {trace.trace_id: (trace.agent_uuid, _root_agent(trace)) for trace in window.traces}
    known = Counter(agent for agent, root in roots.values() if root is not None)
    ended = Counter(agent for agent, root in roots.values() if root is not None and root.output_chars)
    usual = {agent for agent, count in known.items() if count >= _FEWEST_RUNS and ended[agent] >= _USUAL * count}
    return frozenset(
        trace_id
        for trace_id, (agent, root) in roots.items()
        if root is not None and agent in usual and not root.output_chars
    )


def _broken(window: FactWindow) -> frozenset[str]:
    """Traces that failed by their structure."""
    gaps: Iterable[SpanFact] = (
        span for gap, spans in window.once(structural_gaps).items() if gap != "missing_parent" for span in spans
    )
    lost = {trace_id for trace_id, _ in window.once(unrecovered)}
    return frozenset(lost | {span.trace_id for span in gaps} | window.once(without_final_answer))


def _root_agent(trace: TraceFacts) -> SpanFact | None:
    return next((root for root in trace.roots if root.kind is SpanKind.AGENT and root.end_ns), None)


def _root_failed(trace: TraceFacts) -> bool:
    return any(root.status is SpanStatus.ERROR for root in trace.roots)


def _root_says(trace: TraceFacts) -> bool:
    return any(root.status is not SpanStatus.UNSET for root in trace.roots)
