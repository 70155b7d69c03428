"""Which traces failed: the hinge of every ranking, so a report prints where its answer comes from.

For each agent: if any of its roots has status ERROR, that status decides (`root_status`). Otherwise its
instrumentation does not say, and the structure decides (`structural`): a trace failed that is unfinished or
holds an error that nothing made good.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.completeness import structural_gaps
from analysis.facts import FactWindow, TraceFacts
from analysis.failures import unrecovered
from domain.spans import SpanStatus

Stratum = tuple[str, str]
"""(service, version): within one, traces are expected to fail alike."""


@dataclass(frozen=True)
class Outcomes:
    """The failing traces of a window, and what said so."""

    source: str
    failing: frozenset[str]


def outcomes(window: FactWindow) -> Outcomes:
    """Failing traces by trace id; the source joins both names where agents differ."""
    by_status = {trace.agent_uuid for trace in window.traces if _root_failed(trace)}
    stated = {trace.trace_id for trace in window.traces if _root_failed(trace)}
    broken = {trace_id for trace_id, _ in window.once(unrecovered)}
    for gap, spans in window.once(structural_gaps).items():
        if gap != "missing_parent":
            broken |= {span.trace_id for span in spans}
    silent = {trace.trace_id for trace in window.traces if trace.agent_uuid not in by_status}
    sources = ["root_status"] if by_status else []
    if silent or not window.traces:
        sources.append("structural")
    return Outcomes("+".join(sources), frozenset(stated | (broken & silent)))


def strata(window: FactWindow) -> Mapping[str, Stratum]:
    """The stratum of each trace."""
    return {trace.trace_id: (trace.service, _version(trace)) for trace in window.traces}


def _root_failed(trace: TraceFacts) -> bool:
    return any(root.status is SpanStatus.ERROR for root in trace.roots)


def _version(trace: TraceFacts) -> str:
    first = trace.roots[0] if trace.roots else trace.spans[0] if trace.spans else None
    return first.version if first is not None else ""
