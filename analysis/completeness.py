"""Traces that never came to an end: what is missing in them.

A trace whose root belongs to a service that does not export here has no root for a reason that is no
failure; so a missing root counts only for agents most of whose traces have one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from analysis.detecting import SpanRef
from analysis.facts import FactWindow, SpanFact
from analysis.groups import roots_by_trace
from analysis.requests import Request, answered_calls, carried_out, requests
from domain.spans import SpanStatus

Gap = Literal["no_root", "root_not_ended", "missing_parent"]


def structural_gaps(window: FactWindow) -> Mapping[Gap, Sequence[SpanFact]]:
    """The span that shows each gap: a trace's first span, its open root, spans whose parent never came."""
    rooted = Counter(trace.agent_uuid for trace in window.traces if trace.roots)
    seen = Counter(trace.agent_uuid for trace in window.traces)
    found: dict[Gap, list[SpanFact]] = {"no_root": [], "root_not_ended": [], "missing_parent": []}
    for trace in window.traces:
        if not trace.spans:
            continue
        if not trace.roots:
            if 2 * rooted[trace.agent_uuid] > seen[trace.agent_uuid]:
                found["no_root"].append(trace.spans[0])
            continue
        found["root_not_ended"].extend(root for root in trace.roots if not root.end_ns)
        found["missing_parent"].extend(span for span in trace.spans if span.parent_missing)
    return found


def unanswered_requests(window: FactWindow) -> Sequence[Request]:
    """Requested calls with an id that no TOOL span and no later message answers.

    Excluded: traces of a service that answers no call by id at all (its instrumentation does not say), and
    tools that are never answered but end every scope they are asked for in without an error: those are a
    framework's way to hand over a structured final answer.
    """
    answered = window.once(answered_calls)
    speaking = {request.span.service for request in window.once(requests) if _is_answered(request, answered)}
    found = [
        request
        for request in window.once(requests)
        if request.call.call_id
        and request.span.service in speaking
        and not _is_answered(request, answered)
        and carried_out(window, request) is None
    ]
    handed_over = _final_answers(window, found, answered)
    return [request for request in found if request.call.tool not in handed_over]


def _is_answered(request: Request, answered: frozenset[SpanRef]) -> bool:
    return (request.span.trace_id, request.call.call_id) in answered


def _final_answers(window: FactWindow, open_requests: Sequence[Request], answered: frozenset[SpanRef]) -> set[str]:
    last_model_call: dict[tuple[str, str], str] = {}
    for span in window.llm_calls:
        last_model_call[span.trace_id, span.scope_id] = span.span_id
    ever_answered = {request.call.tool for request in window.once(requests) if _is_answered(request, answered)}
    names = {request.call.tool for request in open_requests} - ever_answered
    for request in open_requests:
        span = request.span
        scope = window.by_ref.get((span.trace_id, span.scope_id)) or window.once(roots_by_trace).get(span.trace_id)
        is_last = last_model_call[span.trace_id, span.scope_id] == span.span_id
        ended_well = scope is None or (scope.end_ns > 0 and scope.status is not SpanStatus.ERROR)
        if not (is_last and ended_well):
            names.discard(request.call.tool)
    return names
