"""Tool calls as models asked for them, and what became of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analysis.detecting import SpanRef
from analysis.facts import FactWindow, RequestedCall, SpanFact
from analysis.groups import ScopeKey


class Request(NamedTuple):
    """A call that a leaf LLM span asked for."""

    span: SpanFact
    call: RequestedCall


def requests(window: FactWindow) -> Sequence[Request]:
    """Every call that a model asked for."""
    return [Request(span, call) for span in window.llm_calls for call in span.requested]


def tool_span_of(window: FactWindow) -> Mapping[tuple[str, ...], SpanFact]:
    """The TOOL span that carried out a request, by (trace, call id), else by (trace, issuer, tool)."""
    found: dict[tuple[str, ...], SpanFact] = {}
    for call in window.tool_calls:
        if call.call_id:
            found[call.trace_id, call.call_id] = call
        elif call.issuer_id:
            found[call.trace_id, call.issuer_id, call.tool] = call
    return found


def carried_out(window: FactWindow, request: Request) -> SpanFact | None:
    """The TOOL span of a request: by call id, else by issuer and tool."""
    spans = window.once(tool_span_of)
    trace_id = request.span.trace_id
    if request.call.call_id and (found := spans.get((trace_id, request.call.call_id))) is not None:
        return found
    return spans.get((trace_id, request.span.span_id, request.call.tool))


def declared_tools(window: FactWindow) -> Mapping[ScopeKey, frozenset[str]]:
    """The tools declared anywhere in a scope; scopes that declare none are left out."""
    found: dict[ScopeKey, set[str]] = defaultdict(set)
    for span in window.llm_calls:
        if span.declared_tools is not None:
            found[span.trace_id, span.scope_id].update(span.declared_tools)
    return {key: frozenset(names) for key, names in found.items()}


def answered_calls(window: FactWindow) -> frozenset[SpanRef]:
    """(trace id, call id) of every call that a TOOL span or a later message answers."""
    by_message = {(span.trace_id, call_id) for span in window.spans() for call_id in span.answered_calls}
    return frozenset(by_message | {(call.trace_id, call.call_id) for call in window.tool_calls if call.call_id})
