"""One line of a trace file as OTLP: HALO's span lines, and native OTLP/JSON documents.

A span line is a JSON object with trace_id, span_id, parent_span_id, name, kind, start_time, end_time, status,
resource, scope and attributes. What files really contain is accepted where it is unambiguous: null parents,
missing scopes, numeric kinds and status codes, times as ISO 8601 text (no zone means UTC) or as nanoseconds,
events, links, and keys nobody knows. Attribute values keep their JSON type; null stays as a value that holds
nothing, since "recorded as nothing" is not "not recorded".

Ids that are no 16- or 8-byte hexadecimal are replaced by a hash of their text, the same for a span and for
those who refer to it; what people called them stays in the attributes halo.source.trace_id and .span_id.
"""

import calendar
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from domain.errors import PermanentError
from domain.otlp import (
    ExportTraceServiceRequest,
    InstrumentationScope,
    KeyValue,
    Resource,
    ResourceSpans,
    ScopeSpans,
    Span,
    Status,
    any_value,
)
from domain.otlp_json import from_json as from_document
from domain.source_ids import otlp_id, with_otlp_ids
from domain.spans import SOURCE_SPAN_ID, SOURCE_TRACE_ID, SPAN_ID_BYTES, TRACE_ID_BYTES

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?\s*(?:Z|z|UTC|([+-])(\d\d):?(\d\d))?"
)
_MAX_DEPTH = 25
MAX_NS = 2**64 - 1
_MOST_INT = 2**63
_MAX_UINT32 = 2**32 - 1
KIND_NAMES: Mapping[str, int] = dict(Span.SpanKind.items())
_CODES: Mapping[str, int] = dict(Status.StatusCode.items())


def decode_line(line: bytes) -> ExportTraceServiceRequest:
    """The spans of one line as a request: one of a span line, any number of an OTLP document.

    PermanentError, with a reason that fits a line, when the line is no such thing.
    """
    try:
        found = from_json(line)
    except ValueError:
        found = _closely(line)
    if not isinstance(found, dict):
        raise PermanentError(f"expected a JSON object, found {_name(found)}")
    if "resourceSpans" in found or "resource_spans" in found:
        return from_document(with_otlp_ids(found))
    request = ExportTraceServiceRequest()
    try:
        _fill_resource(request.resource_spans.add(), found)
    except (RecursionError, ValueError) as error:
        raise PermanentError(f"not a span: {type(error).__name__}") from None
    return request


def _closely(line: bytes) -> Any:
    """A line that the fast reader refuses: read as Python does, which takes more, or the reason why it is none."""
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise PermanentError(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise PermanentError("JSON nested too deeply") from None
    except json.JSONDecodeError as error:
        raise PermanentError(f"not JSON at column {error.colno}: {error.msg}") from None
    except ValueError:
        raise PermanentError("a JSON number is too long") from None


def _fill_resource(spans: ResourceSpans, line: Mapping[str, Any]) -> None:
    _put(spans.resource, _object(line, "resource").get("attributes"), "resource.attributes")
    scope_spans: ScopeSpans = spans.scope_spans.add()
    scope = _object(line, "scope")
    scope_spans.scope.name = _text(scope.get("name"))
    scope_spans.scope.version = _text(scope.get("version"))
    _put(scope_spans.scope, scope.get("attributes"), "scope.attributes")
    _fill(scope_spans.spans.add(), line)


def _fill(span: Span, line: Mapping[str, Any]) -> None:
    span.trace_id, trace_source = _required_id(line, "trace_id", TRACE_ID_BYTES)
    span.span_id, span_source = _required_id(line, "span_id", SPAN_ID_BYTES)
    parent = line.get("parent_span_id")
    if parent is not None and parent != "":
        span.parent_span_id = otlp_id(_id_text(parent, "parent_span_id"), SPAN_ID_BYTES)
    span.trace_state = _text(line.get("trace_state"))
    span.name = _text(line.get("name"))
    span.kind = _member(line.get("kind"), "kind", "SPAN_KIND_", KIND_NAMES)  # type: ignore[assignment] # an enum takes ints
    span.start_time_unix_nano = _time(line.get("start_time"), "start_time")
    if not span.start_time_unix_nano:
        raise PermanentError("start_time: missing")
    span.end_time_unix_nano = _time(line.get("end_time"), "end_time")
    status = line.get("status")
    said = status if isinstance(status, dict) else {"code": status}
    span.status.code = _member(said.get("code"), "status.code", "STATUS_CODE_", _CODES)  # type: ignore[assignment] # as above
    span.status.message = _text(said.get("message"))
    span.flags = _count(line.get("flags"))
    span.dropped_attributes_count = _count(line.get("dropped_attributes_count"))
    _put(span, line.get("attributes"), "attributes")
    for key, source in ((SOURCE_TRACE_ID, trace_source), (SOURCE_SPAN_ID, span_source)):
        if source:
            span.attributes.add(key=key).value.string_value = source
    for event in _objects(line, "events"):
        _fill_event(span.events.add(), event)
    for link in _objects(line, "links"):
        _fill_link(span.links.add(), link)


def _fill_event(event: Span.Event, line: Mapping[str, Any]) -> None:
    event.name = _text(line.get("name"))
    stated = next((line[key] for key in ("time", "timestamp", "time_unix_nano") if line.get(key) is not None), None)
    event.time_unix_nano = _time(stated, "events.time")
    _put(event, line.get("attributes"), "events.attributes")


def _fill_link(link: Span.Link, line: Mapping[str, Any]) -> None:
    link.trace_id, _ = _required_id(line, "trace_id", TRACE_ID_BYTES)
    link.span_id, _ = _required_id(line, "span_id", SPAN_ID_BYTES)
    link.trace_state = _text(line.get("trace_state"))
    _put(link, line.get("attributes"), "links.attributes")


def _put(owner: Resource | InstrumentationScope | Span | Span.Event | Span.Link, found: object, where: str) -> None:
    """Attributes from a JSON object."""
    if found is None:
        return
    if not isinstance(found, dict):
        raise PermanentError(f"{where}: expected an object, found {_name(found)}")
    for key, value in found.items():
        item: KeyValue = owner.attributes.add()
        try:
            item.key = key
            if isinstance(value, str):
                item.value.string_value = value
            elif type(value) is int and abs(value) < _MOST_INT:
                item.value.int_value = value
            else:
                item.value.CopyFrom(any_value(value if _is_flat_enough(value) else json.dumps(value)))
        except UnicodeEncodeError:
            item.key = _sound(key)
            item.value.CopyFrom(any_value(_sound_value(value)))


def _is_flat_enough(value: object) -> bool:
    """Whether a value nests so little that protobuf's parser will read it back; deeper ones are kept as JSON text."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _sound(text: str) -> str:
    """Text that UTF-8 can carry: halves of a surrogate pair are joined, or replaced when alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _sound_value(value: Any) -> Any:
    if isinstance(value, str):
        return _sound(value)
    if isinstance(value, list):
        return [_sound_value(item) for item in value]
    return {_sound(key): _sound_value(item) for key, item in value.items()} if isinstance(value, dict) else value


def _required_id(line: Mapping[str, Any], key: str, length: int) -> tuple[bytes, str]:
    """(OTLP id, the id as the file has it when the OTLP id had to be derived)."""
    text = _id_text(line.get(key), key)
    found = otlp_id(text, length)
    return found, "" if found.hex() == text.lower() else text


def _id_text(value: object, key: str) -> str:
    if value is None or value == "":
        raise PermanentError(f"{key}: missing")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PermanentError(f"{key}: expected text, found {_name(value)}")
    return _sound(str(value))


def _time(value: object, where: str) -> int:
    """Nanoseconds since the epoch; 0 when there is no time."""
    if value is None or value == "":
        return 0
    if isinstance(value, str):
        nanoseconds = int(value) if value.isdecimal() and len(value) <= 20 else moment(value)
    else:
        nanoseconds = value if isinstance(value, int) and not isinstance(value, bool) else -1
    if not 0 <= nanoseconds <= MAX_NS:
        raise PermanentError(f"{where}: expected an ISO 8601 time or nanoseconds since 1970, found {_name(value)}")
    return nanoseconds


def moment(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 time; -1 when the text is none."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return -1
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 24 and minute <= 59 and second <= 60):
        return -1
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if match[8]:
        offset = int(match[9]) * 3600 + int(match[10]) * 60
        seconds -= offset if match[8] == "+" else -offset
    return seconds * 1_000_000_000 + int((match[7] or "0").ljust(9, "0"))


def _member(value: object, where: str, prefix: str, members: Mapping[str, int]) -> int:
    """The number of an enum member, by name (its prefix may be left out) or by number; 0 when absent."""
    if value is None or value == "":
        return 0
    if isinstance(value, str):
        name = value.upper()
        number = members.get(name if name.startswith(prefix) else prefix + name, -1)
    else:
        number = value if isinstance(value, int) and not isinstance(value, bool) else -1
    if number not in members.values():
        raise PermanentError(f"{where}: unknown value; use one of {', '.join(members)}")
    return number


def _object(line: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = line.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise PermanentError(f"{key}: expected an object, found {_name(found)}")
    return found


def _objects(line: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = line.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise PermanentError(f"{key}: expected a list of objects")
    return found


def _text(value: object) -> str:
    if value is None:
        return ""
    return _sound(value if isinstance(value, str) else json.dumps(value))


def _count(value: object) -> int:
    return min(int(value), _MAX_UINT32) if isinstance(value, int) and value > 0 else 0


_NAMES: tuple[tuple[Callable[[object], bool], str], ...] = (
    (lambda value: value is None, "null"),
    (lambda value: isinstance(value, bool), "a boolean"),
    (lambda value: isinstance(value, int | float), "a number"),
    (lambda value: isinstance(value, str), "text"),
    (lambda value: isinstance(value, list), "a list"),
)


def _name(value: object) -> str:
    """What kind of JSON value this is, for a message that never repeats the value."""
    return next((name for fits, name in _NAMES if fits(value)), "an object")
