"""Stored traces for tests, made straight from requests or files: no store needed."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from analysis.extraction import trace_facts
from analysis.facts import FactWindow
from domain.otlp import ExportTraceServiceRequest, InstrumentationScope, Resource, Span
from domain.semconv import resource_index, span_index
from domain.spans import SpanKind, SpanStatus, StoredSpan, StoredTrace, TraceSummary, agent_uuid
from store.loading import LoadReport, read_trace_files


def stored_spans(request: ExportTraceServiceRequest | bytes) -> list[StoredSpan]:
    """Every span of a request."""
    message = (
        request if isinstance(request, ExportTraceServiceRequest) else ExportTraceServiceRequest.FromString(request)
    )
    return [
        StoredSpan(resource_spans.resource, scope_spans.scope, span, span.SerializeToString(), 0)
        for resource_spans in message.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def stored_traces(spans: Iterable[StoredSpan]) -> list[StoredTrace]:
    """Spans grouped into traces, each by start time; the agent is named as the window names it."""
    by_trace: dict[str, list[StoredSpan]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    return [_trace(trace_id, found) for trace_id, found in by_trace.items()]


def stored_file(path: Path) -> list[StoredTrace]:
    """The traces of a file."""
    return stored_traces(span for request in read_trace_files([path], LoadReport()) for span in stored_spans(request))


@cache
def file_window(path: Path) -> FactWindow:
    """The facts of a file, read once for all tests."""
    return FactWindow.of(trace_facts(trace) for trace in stored_file(path))


def one_trace(*spans: Span, service: str = "service") -> StoredTrace:
    """One trace of these spans, of one service."""
    resource = Resource()
    resource.attributes.add(key="service.name").value.string_value = service
    found = [StoredSpan(resource, InstrumentationScope(), span, span.SerializeToString(), 0) for span in spans]
    return _trace(found[0].trace_id if found else "", found)


def _trace(trace_id: str, spans: Sequence[StoredSpan]) -> StoredTrace:
    ordered = tuple(sorted(spans, key=lambda stored: stored.span.start_time_unix_nano))
    indexes = [span_index(stored.span, resource_index(stored.resource), len(stored.raw)) for stored in ordered]
    root = next((index for index in indexes if not index.parent_id), None)
    owner = next(
        (index for index in indexes if index.kind is SpanKind.AGENT and (index.agent_id or index.agent_name)), None
    )
    service = (owner or root or indexes[0]).service if indexes else ""
    name = (owner.agent_name or owner.agent_id or "") if owner is not None else service
    return StoredTrace(
        TraceSummary(
            trace_id=trace_id,
            source_trace_id=trace_id,
            agent_uuid=agent_uuid(service, name),
            agent_name=name,
            service=service,
            root_name=root.name if root else "",
            session=None,
            start_ns=min((index.start_ns for index in indexes), default=0),
            end_ns=max((index.end_ns for index in indexes), default=0),
            span_count=len(indexes),
            llm_spans=0,
            tool_spans=0,
            error_spans=sum(index.status is SpanStatus.ERROR for index in indexes),
            leaf_errors=0,
            input_tokens=0,
            output_tokens=0,
            status=root.status if root else SpanStatus.UNSET,
            has_root=root is not None,
            complete=True,
        ),
        ordered,
    )
