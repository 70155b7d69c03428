"""Spans as HALO's span lines; what `domain.halo_jsonl` reads.

Such a line is JSON, so it carries less than OTLP: unknown fields, schema URLs, attributes of the scope (HALO's
reader refuses keys it does not know there), counts of what was dropped from events and links, and the difference
between text and bytes (written as base64) or numbers that JSON lacks (written as text) are not in it. A span that
came from such a file under ids of its own gets these back.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from domain.otlp import InstrumentationScope, PlainValue, Resource, Span, Status, attributes
from domain.source_ids import otlp_id
from domain.spans import SOURCE_SPAN_ID, SOURCE_TRACE_ID, SPAN_ID_BYTES, TRACE_ID_BYTES, StoredSpan

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {number: name for name, number in Span.SpanKind.items()}
_CODES = {number: name for name, number in Status.StatusCode.items()}


def encode_lines(spans: Iterable[StoredSpan]) -> Iterable[str]:
    """One line a span, without the line feed; the spans are all that is known of their traces."""
    for line in line_objects(spans):
        yield line_text(line)


def line_objects(
    spans: Iterable[StoredSpan], of: Iterable[StoredSpan] | None = None
) -> Iterable[dict[str, PlainValue]]:
    """The JSON objects of such lines: of all spans, or `of` some of them."""
    spans = list(spans)
    names = {
        stored.span.span_id: name
        for stored in spans
        if _may_have_source(stored) and (name := _source(stored.span, SOURCE_SPAN_ID, SPAN_ID_BYTES))
    }
    resources: dict[int, dict[str, PlainValue]] = {}  # by identity: the spans of a batch share one object
    for stored in spans if of is None else of:
        resource = resources.get(id(stored.resource))
        if resource is None:
            resource = resources[id(stored.resource)] = _values(stored.resource)
        yield _line(stored.span, resource, stored.scope, names)


def line_text(line: Mapping[str, PlainValue]) -> str:
    """Such an object as its line."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _line(
    span: Span, resource: dict[str, PlainValue], scope: InstrumentationScope, names: Mapping[bytes, str]
) -> dict[str, PlainValue]:
    said = _values(span)
    trace_source = _source(span, SOURCE_TRACE_ID, TRACE_ID_BYTES) if SOURCE_TRACE_ID in said else ""
    if trace_source:
        del said[SOURCE_TRACE_ID]
    if span.span_id in names:
        del said[SOURCE_SPAN_ID]
    line: dict[str, PlainValue] = {
        "trace_id": trace_source or span.trace_id.hex(),
        "span_id": names.get(span.span_id, span.span_id.hex()),
        "parent_span_id": names.get(span.parent_span_id, span.parent_span_id.hex()),
        "trace_state": span.trace_state,
        "name": span.name,
        "kind": _KINDS.get(span.kind, "SPAN_KIND_UNSPECIFIED"),
        "start_time": time_text(span.start_time_unix_nano),
        "end_time": time_text(span.end_time_unix_nano) if span.end_time_unix_nano else "",
        "status": {
            "code": _CODES.get(span.status.code, "STATUS_CODE_UNSET"),
            "message": span.status.message,
        },
        "resource": {"attributes": resource},
        "scope": {"name": scope.name, "version": scope.version},
        "attributes": said,
    }
    return line | _more(span)


def _more(span: Span) -> dict[str, PlainValue]:
    """What HALO's reader ignores and ours reads, where there is any."""
    events: list[PlainValue] = [
        {"name": event.name, "time": time_text(event.time_unix_nano), "attributes": _values(event)}
        for event in span.events
    ]
    links: list[PlainValue] = [
        {
            "trace_id": link.trace_id.hex(),
            "span_id": link.span_id.hex(),
            "trace_state": link.trace_state,
            "attributes": _values(link),
        }
        for link in span.links
    ]
    counts: dict[str, PlainValue] = {
        "events": events,
        "links": links,
        "flags": span.flags,
        "dropped_attributes_count": span.dropped_attributes_count,
    }
    return {key: value for key, value in counts.items() if value}


def _may_have_source(stored: StoredSpan) -> bool:
    """Whether a span may carry an id of its file; bytes are searched faster than attributes."""
    return not stored.raw or SOURCE_SPAN_ID.encode() in stored.raw


def _source(span: Span, key: str, length: int) -> str:
    """What a file called a span or its trace; "" when its id was taken as it was."""
    text = next((item.value.string_value for item in span.attributes if item.key == key), "")
    known = span.trace_id if key == SOURCE_TRACE_ID else span.span_id
    return text if text and otlp_id(text, length) == known else ""


def _values(owner: Resource | Span | Span.Event | Span.Link) -> dict[str, PlainValue]:
    return {key: _jsonable(value) for key, value in attributes(owner).items()}


def _jsonable(value: PlainValue) -> PlainValue:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return {key: _jsonable(item) for key, item in value.items()} if isinstance(value, dict) else value


def time_text(nanoseconds: int) -> str:
    """ISO 8601 with nine digits of a second; beyond the calendar the nanoseconds themselves, which we read."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    except OverflowError:
        return str(nanoseconds)
