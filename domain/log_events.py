"""Log records that are events of an agent's work, as the span events they stand for.

GenAI content travels as span attributes, as span events, or as log records that name their span: one event a
message up to 1.36 of the conventions (`gen_ai.user.message`, `gen_ai.choice`, content in the body), one event an
operation since (`gen_ai.client.inference.operation.details`, content in the attributes), beside evaluation
results and exceptions. The events API names an event in `event_name`, older SDKs in the attribute `event.name`.
Sources: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/,
https://opentelemetry.io/docs/specs/otel/logs/data-model/ and
https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/.
"""

import json
from collections.abc import Iterable

from domain.otlp import AnyValue, KeyValue, LogRecord, PlainValue, Span, any_value
from domain.spans import SPAN_ID_BYTES, TRACE_ID_BYTES

SOURCE = "halo.source"
"""The attribute that tells a joined event from the span's own; its value is `LOG`."""
LOG = "log"
EXCEPTION = "exception"
_NAME = "event.name"
_GENAI = "gen_ai."
_EXCEPTION_KEYS = frozenset(("exception.type", "exception.message"))
_MAX_DEPTH = 25  # of a body's JSON text; what nests deeper stays text, since protobuf would not parse it back


def names_a_span(owner: LogRecord | Span) -> bool:
    """Whether the ids of a record, or of a span itself, are those of a span: 16 and 8 bytes, not all zero."""
    trace_id, span_id = owner.trace_id, owner.span_id
    return len(trace_id) == TRACE_ID_BYTES and len(span_id) == SPAN_ID_BYTES and any(trace_id) and any(span_id)


def event_name(record: LogRecord) -> str:
    """The name of a record's event; "" for a plain log record."""
    if record.event_name:
        return record.event_name
    return next((item.value.string_value for item in record.attributes if item.key == _NAME), "")


def is_agent_event(record: LogRecord) -> bool:
    """Whether a record tells of an agent's work: a GenAI event or attribute, or an exception."""
    name = event_name(record)
    return name.startswith(_GENAI) or name == EXCEPTION or any(map(_tells_of_work, record.attributes))


def _tells_of_work(item: KeyValue) -> bool:
    return item.key.startswith(_GENAI) or item.key in _EXCEPTION_KEYS


def span_event(record: LogRecord) -> Span.Event:
    """The span event a record stands for.

    A structured body becomes attributes beside the record's own, which win; so does a body that is the JSON text of
    an object. Any other body is `content` of a message, `message` of a choice, else `body`. Exceptions are called
    `exception`, as span events are, whatever the record is called.
    """
    name = event_name(record)
    event = Span.Event(
        name=name or LOG,
        time_unix_nano=record.time_unix_nano or record.observed_time_unix_nano,
        dropped_attributes_count=record.dropped_attributes_count,
    )
    event.attributes.extend(record.attributes)
    _add_missing(event, _of_body(name, record.body))
    if _is_exception(name, event):
        event.name = EXCEPTION
        _add_missing(event, [_text(_NAME, name)] if name not in ("", EXCEPTION) else ())
    _add_missing(event, [_text(SOURCE, LOG)])
    return event


def _is_exception(name: str, event: Span.Event) -> bool:
    if name.startswith(_GENAI):
        return name.endswith(f".{EXCEPTION}")
    return any(item.key in _EXCEPTION_KEYS for item in event.attributes)


def _of_body(name: str, body: AnyValue) -> Iterable[KeyValue]:
    which = body.WhichOneof("value")
    if which is None:
        return ()
    if which == "kvlist_value":
        return body.kvlist_value.values
    if not name.startswith(_GENAI):
        return (KeyValue(key="body", value=body),)
    if body.string_value.startswith("{") and (found := _items(body.string_value)) is not None:
        return found
    key = "content" if name.endswith(".message") else "message" if name.endswith(".choice") else "body"
    return (KeyValue(key=key, value=body),)


def _items(text: str) -> list[KeyValue] | None:
    """The keys of the JSON object a text stands for; None when it stands for none, or nests too deeply."""
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or _depth(found) > _MAX_DEPTH:
            return None
        return [KeyValue(key=key, value=any_value(value)) for key, value in found.items()]
    except (ValueError, RecursionError):
        return None


def _depth(value: PlainValue) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _add_missing(event: Span.Event, items: Iterable[KeyValue]) -> None:
    known = {item.key for item in event.attributes}
    event.attributes.extend(item for item in items if item.key not in known)


def _text(key: str, text: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=text))
