"""The index row of a span line straight from its JSON, for lines of the usual shape.

Decoding a line into a message and indexing that takes five times as long, and a file has hundreds of thousands. What
is not of the usual shape is left to that slower way, so nothing is decided here that `domain.halo_jsonl` and
`domain.semconv` do not decide: a row that is given is the row of the decoded span, but for its size.
"""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from domain.halo_jsonl import KIND_NAMES, MAX_NS, moment
from domain.masking import template
from domain.otlp import KeyValue, Resource, any_value
from domain.semconv import json_index, resource_index
from domain.spans import SPAN_ID_BYTES, TRACE_ID_BYTES, SpanIndex, SpanStatus

_KINDS = frozenset(KIND_NAMES) | {None, ""}
_CODES: Mapping[Any, SpanStatus] = {
    None: SpanStatus.UNSET,
    "": SpanStatus.UNSET,
    "STATUS_CODE_UNSET": SpanStatus.UNSET,
    "STATUS_CODE_OK": SpanStatus.OK,
    "STATUS_CODE_ERROR": SpanStatus.ERROR,
}
_NO_LIST: list[Any] = []
_NOTHING: Mapping[str, Any] = {}
_MINUTE_CHARS = 17  # 2026-03-02T08:00:
_DIGITS = 11  # of the seconds, in nanoseconds
_MOST_MINUTES = 4_096
_MINUTE_NS = 60 * 10**9
_NO_ID = {length: bytes(length) for length in (TRACE_ID_BYTES, SPAN_ID_BYTES)}


class LineIndexer:
    """Indexes the lines of a file; what neighbours have in common is read once."""

    def __init__(self) -> None:
        self._minutes: dict[str, int] = {}
        self._resource: object = self
        self._service = ""
        self._trace: tuple[object, bytes] = (None, b"")
        self._parent: tuple[object, bytes] = (None, b"")

    def row(self, line: bytes) -> SpanIndex | None:
        """The row of a line, its `size_bytes` that of the line; None when the line is not of the usual shape."""
        try:
            return self._row(from_json(line), len(line))
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
            return None

    def _row(self, found: dict[str, Any], size_bytes: int) -> SpanIndex | None:
        trace_text = found["trace_id"]
        parent_text: Any = found.get("parent_span_id")
        if trace_text != self._trace[0]:
            self._trace = trace_text, _id(trace_text, TRACE_ID_BYTES)
        trace_id, span_id = self._trace[1], _id(found["span_id"], SPAN_ID_BYTES)
        has_parent = parent_text is not None and parent_text != ""
        if has_parent and parent_text != self._parent[0]:
            self._parent = parent_text, _id(parent_text, SPAN_ID_BYTES)
        name, status = found["name"], found.get("status")
        if type(name) is not str or found.get("kind") not in _KINDS or not _is_plain(found):
            return None
        index = json_index(_object(found.get("attributes")), name)
        said = _NOTHING if status is None else status
        code, message = _CODES[said.get("code")], said.get("message")
        if index is None:
            return None
        is_error = code is SpanStatus.ERROR or (code is SpanStatus.UNSET and index.is_error)
        if is_error and (type(message) is not str or not message):
            return None
        start_ns, end_text = self._time(found["start_time"]), found.get("end_time")
        row = (
            trace_id,
            span_id,
            self._parent[1] if has_parent else b"",
            self._service_of(found.get("resource")),
            index.name,
            index.kind,
            start_ns,
            0 if end_text is None or end_text == "" else self._time(end_text),
            SpanStatus.ERROR if is_error else code,
            *index.shown,
            template(str(message)) if is_error else None,
            size_bytes,
        )
        return tuple.__new__(SpanIndex, row)  # as in `domain.semconv.span_index`

    def _service_of(self, resource: Any) -> str:
        """The service a resource names; neighbours mostly have the same."""
        if resource != self._resource:
            said = _NOTHING if resource is None else _object(resource.get("attributes"))
            pairs = [KeyValue(key=key, value=any_value(value)) for key, value in said.items() if "service" in key]
            self._service = resource_index(Resource(attributes=pairs)).service
            self._resource = resource
        return self._service

    def _time(self, text: str) -> int:
        """Nanoseconds of a UTC time written in full; ValueError for any other, which has to be looked at closer."""
        digits = text[_MINUTE_CHARS:-1].replace(".", "", 1)
        if len(digits) != _DIGITS:
            digits = digits.ljust(_DIGITS, "0")
        if len(digits) != _DIGITS or not digits.isdecimal() or text[-1] != "Z" or text[_MINUTE_CHARS + 2] not in ".Z":
            raise ValueError(text)
        start, rest = self._minutes.get(text[:_MINUTE_CHARS]) or self._minute(text[:_MINUTE_CHARS]), int(digits)
        if rest >= _MINUTE_NS:
            raise ValueError(text)
        return start + rest

    def _minute(self, text: str) -> int:
        """The first nanosecond of a minute, written up to its seconds."""
        found = moment(text + "00Z")
        if not 0 < found < MAX_NS - _MINUTE_NS:
            raise ValueError(text)
        if len(self._minutes) >= _MOST_MINUTES:
            self._minutes.clear()
        self._minutes[text] = found
        return found


def _id(text: str, length: int) -> bytes:
    """An id in hexadecimal; ValueError for any other, which has to be derived."""
    found = bytes.fromhex(text)
    if len(found) != length or len(text) != 2 * length or found == _NO_ID[length]:
        raise ValueError(text)
    return found


def _object(found: Any) -> Mapping[str, Any]:
    """A JSON object, empty when there is none; ValueError for anything else, of which the decoder says what it is."""
    if found is None:
        return _NOTHING
    if type(found) is not dict:
        raise ValueError(found)
    return found


def _is_plain(found: dict[str, Any]) -> bool:
    """Whether what the index does not read is as the decoder wants it."""
    scope = found.get("scope")
    if scope is not None:
        _object(scope.get("attributes"))
    return bool(found.get("events", _NO_LIST) == _NO_LIST == found.get("links", _NO_LIST))
