"""Indexes over a window that several detectors share; ask for them through `FactWindow.once`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from analysis.detecting import SpanRef
from analysis.facts import FactWindow, SpanFact
from domain.spans import SpanKind

ScopeKey = tuple[str, str]
"""(trace id, scope id)."""


def scopes(window: FactWindow) -> Mapping[ScopeKey, Sequence[SpanFact]]:
    """The spans of each scope by start time."""
    found: dict[ScopeKey, list[SpanFact]] = defaultdict(list)
    for span in window.spans():
        found[span.trace_id, span.scope_id].append(span)
    return found


def calls_by_tool(window: FactWindow) -> Mapping[str, Sequence[SpanFact]]:
    """The TOOL spans of each tool."""
    found: dict[str, list[SpanFact]] = defaultdict(list)
    for call in window.tool_calls:
        found[call.tool].append(call)
    return found


def tool_sequences(window: FactWindow) -> Mapping[ScopeKey, Sequence[SpanFact]]:
    """The TOOL spans of each scope that has any, in the order they began."""
    found: dict[ScopeKey, list[SpanFact]] = defaultdict(list)
    for call in window.tool_calls:
        found[call.trace_id, call.scope_id].append(call)
    return found


def spans_by_kind(window: FactWindow) -> Mapping[SpanKind, Sequence[SpanFact]]:
    """The spans of each kind."""
    found: dict[SpanKind, list[SpanFact]] = defaultdict(list)
    for span in window.spans():
        found[span.kind].append(span)
    return found


def calls_by_issuer(window: FactWindow) -> Mapping[SpanRef, Sequence[SpanFact]]:
    """The TOOL spans that each LLM span asked for."""
    found: dict[SpanRef, list[SpanFact]] = defaultdict(list)
    for call in window.tool_calls:
        if call.issuer_id:
            found[call.trace_id, call.issuer_id].append(call)
    return found


def roots_by_trace(window: FactWindow) -> Mapping[str, SpanFact]:
    """The first root of each trace that has one."""
    return {trace.trace_id: trace.roots[0] for trace in window.traces if trace.roots}


def calls_of(window: FactWindow, tool: str, service: str = "") -> Sequence[SpanFact]:
    """The calls of a tool, of one service or (service "") of all."""
    calls = window.once(calls_by_tool).get(tool, ())
    return [call for call in calls if call.service == service] if service else calls


def pools(calls: Sequence[SpanFact]) -> Iterator[tuple[str, Sequence[SpanFact]]]:
    """Where to look at a rate: in all calls together (service ""), then in each service if there are several.

    What is true of the whole window is told once; what only one service suffers from would drown in the whole.
    """
    yield "", calls
    by_service: dict[str, list[SpanFact]] = defaultdict(list)
    for call in calls:
        by_service[call.service].append(call)
    if len(by_service) > 1:
        yield from sorted(by_service.items())


def refs(spans: Iterable[SpanFact]) -> frozenset[SpanRef]:
    """The (trace id, span id) of each span."""
    return frozenset(span.ref for span in spans)


def with_issuers(window: FactWindow, spans: Iterable[SpanFact]) -> frozenset[SpanRef]:
    """Spans and the LLM spans that asked for them: what the spans' failure cost, each counted once."""
    found: set[SpanRef] = set()
    for span in spans:
        found.add(span.ref)
        issuer = (span.trace_id, span.issuer_id)
        if span.issuer_id and issuer in window.by_ref:
            found.add(issuer)
    return frozenset(found)


def trace_count(spans: Iterable[SpanFact]) -> int:
    """In how many traces these spans lie."""
    return len({span.trace_id for span in spans})
