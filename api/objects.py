"""Domain values as the JSON objects of the API; the command line prints the same objects."""

import base64
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from domain.normalising import normalise
from domain.otlp import PlainValue, attributes
from domain.report import Report
from domain.semconv import error_text, resource_index, span_index
from domain.spans import SOURCE_SPAN_ID, Agent, StoredSpan, StoredTrace, TraceSummary

Object = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain_model(model: BaseModel) -> Object:
    """A control object or report as JSON values."""
    return model.model_dump(mode="json")


def moment(nanoseconds: int) -> str | None:
    """ISO 8601 in UTC with microseconds; null for a time that is not there or beyond the calendar."""
    try:
        time = _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    except OverflowError:
        return None
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z") if nanoseconds else None


def agent_object(agent: Agent) -> Object:
    """An agent found in traces."""
    return {
        "uuid": agent.uuid,
        "name": agent.name,
        "service": agent.service,
        "traces": agent.traces,
        "spans": agent.spans,
        "last_seen": moment(agent.last_seen_ns),
    }


def trace_object(trace: TraceSummary) -> Object:
    """The sums of a trace."""
    return {
        "trace_id": trace.trace_id,
        "source_trace_id": trace.source_trace_id,
        "agent_uuid": trace.agent_uuid,
        "agent_name": trace.agent_name,
        "service": trace.service,
        "root_name": trace.root_name,
        "session": trace.session,
        "start": moment(trace.start_ns),
        "end": moment(trace.end_ns),
        "duration_s": seconds(trace.start_ns, trace.end_ns),
        "span_count": trace.span_count,
        "llm_spans": trace.llm_spans,
        "tool_spans": trace.tool_spans,
        "error_spans": trace.error_spans,
        "leaf_errors": trace.leaf_errors,
        "input_tokens": trace.input_tokens,
        "output_tokens": trace.output_tokens,
        "status": "error" if trace.leaf_errors else "ok",
        "root_status": trace.status.name.lower(),
        "has_root": trace.has_root,
        "complete": trace.complete,
    }


def seconds(start_ns: int, end_ns: int) -> float | None:
    """A duration; null when the end is not known."""
    return round(max(end_ns - start_ns, 0) / 1e9, 6) if end_ns else None


def whole_trace(trace: StoredTrace, *, full: bool) -> Object:
    """A trace with its spans in tree order, each with its depth; `full` adds what the spans carry."""
    rows = [span_object(span, depth, full=full) for span, depth in tree(trace.spans)]
    return {**trace_object(trace.summary), "spans": rows}


def tree(spans: tuple[StoredSpan, ...]) -> list[tuple[StoredSpan, int]]:
    """Spans depth first, siblings by start, each with its depth; orphans and cycles start at depth 0."""
    known = {span.span.span_id for span in spans}
    children: dict[bytes, list[StoredSpan]] = {}
    for span in sorted(spans, key=lambda each: each.span.start_time_unix_nano):
        parent = span.span.parent_span_id
        children.setdefault(parent if parent in known else b"", []).append(span)
    out: list[tuple[StoredSpan, int]] = []
    seen: set[bytes] = set()
    for start in (*children.get(b"", ()), *spans):
        stack = [(start, 0)]
        while stack:
            span, depth = stack.pop()
            if span.span.span_id not in seen:
                seen.add(span.span.span_id)
                out.append((span, depth))
                stack += [(child, depth + 1) for child in reversed(children.get(span.span.span_id, []))]
    return out


def span_object(stored: StoredSpan, depth: int, *, full: bool) -> Object:
    """One span as a row; `full` adds attributes, events, links, resource and scope."""
    span = stored.span
    row = span_index(span, resource_index(stored.resource), len(stored.raw))
    said = attributes(span)
    shown: Object = {
        "span_id": stored.span_id,
        "source_span_id": jsonable(said.get(SOURCE_SPAN_ID, stored.span_id)),
        "parent_id": row.parent_id.hex() or None,
        "depth": depth,
        "name": span.name,
        "kind": row.kind.name.lower(),
        "service": row.service,
        "start": moment(row.start_ns),
        "end": moment(row.end_ns),
        "duration_s": seconds(row.start_ns, row.end_ns),
        "status": row.status.name.lower(),
        "error": row.error,
        "tool": row.tool,
        "model": row.model,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
    }
    return {**shown, **_contents(stored, said)} if full else shown


def _contents(stored: StoredSpan, said: dict[str, PlainValue]) -> Object:
    span = stored.span
    return {
        "error_text": error_text(span) or None,
        "normalised": _normalised(stored),
        "attributes": jsonable(said),
        "events": [
            {"name": event.name, "time": moment(event.time_unix_nano), "attributes": jsonable(attributes(event))}
            for event in span.events
        ],
        "links": [
            {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex(), "attributes": jsonable(attributes(link))}
            for link in span.links
        ],
        "resource": jsonable(attributes(stored.resource)),
        "scope": {"name": stored.scope.name, "version": stored.scope.version},
    }


def _normalised(stored: StoredSpan) -> Object:
    """All scalars of a span, whatever its dialect (`domain.normalising`)."""
    found = normalise(stored.span, stored.resource, stored.scope)
    return {**asdict(found), "kind": found.kind.name.lower(), "agent": found.agent}


def jsonable(value: PlainValue) -> Any:
    """An attribute value as JSON: bytes in base64, numbers that JSON lacks as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    return value


def report_summary(report: Report) -> Object:
    """A report as lists show it: without its findings."""
    return {
        "report_id": report.report_id,
        "run_id": report.run_id,
        "agent": plain_model(report.agent),
        "window": plain_model(report.window),
        "generated_at": plain_model(report)["generated_at"],
        "mode": report.mode,
        "headline": report.headline,
        "finding_count": len(report.findings),
        "traces": report.coverage.traces,
        "spans": report.coverage.spans,
    }
