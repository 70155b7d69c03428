"""Requests changed for sending them once more: their times moved together, their ids replaced.

Everything else stays as it was. Messages are parsed and written again, so unknown fields are kept, though bytes
may stand in another order.
"""

from collections.abc import Iterator
from hashlib import blake2b

from google.protobuf.message import Message

from domain.otlp import LogRecord, Span
from domain.signals import TRACES, Signal

_MAX_NS = 2**64 - 1


def items(signal: Signal, message: Message) -> Iterator[Span | LogRecord]:
    """The spans or log records of a parsed request."""
    if signal is TRACES:
        for resource_spans in message.resource_spans:  # type: ignore[attr-defined] # by its signal
            for scope_spans in resource_spans.scope_spans:
                yield from scope_spans.spans
    else:
        for resource_logs in message.resource_logs:  # type: ignore[attr-defined] # by its signal
            for scope_logs in resource_logs.scope_logs:
                yield from scope_logs.log_records


def newest_ns(signal: Signal, request: bytes) -> int:
    """The latest time in an encoded request, in nanoseconds since 1970; 0 when it states none."""
    return max((_latest(item) for item in items(signal, signal.request.FromString(request))), default=0)


def _latest(item: Span | LogRecord) -> int:
    if isinstance(item, Span):
        return max(item.start_time_unix_nano, item.end_time_unix_nano)
    return item.time_unix_nano


class Changes:
    """How requests are changed: all times moved by `shift_ns`, ids derived with `salt` unless that is empty.

    The same id always becomes the same, so that traces, parents and links still fit.
    """

    def __init__(self, shift_ns: int = 0, salt: bytes = b"") -> None:
        self._shift_ns = shift_ns
        self._salt = salt

    def applied(self, signal: Signal, request: bytes) -> bytes:
        """A changed request; the same bytes when there is nothing to change."""
        if not self._shift_ns and not self._salt:
            return request
        message: Message = signal.request.FromString(request)
        for item in items(signal, message):
            self._change(item)
        return bytes(message.SerializeToString())

    def _change(self, item: Span | LogRecord) -> None:
        item.trace_id, item.span_id = self._id(item.trace_id), self._id(item.span_id)
        if isinstance(item, LogRecord):
            item.time_unix_nano = self._time(item.time_unix_nano)
            item.observed_time_unix_nano = self._time(item.observed_time_unix_nano)
            return
        item.parent_span_id = self._id(item.parent_span_id)
        item.start_time_unix_nano = self._time(item.start_time_unix_nano)
        item.end_time_unix_nano = self._time(item.end_time_unix_nano)
        for event in item.events:
            event.time_unix_nano = self._time(event.time_unix_nano)
        for link in item.links:
            link.trace_id, link.span_id = self._id(link.trace_id), self._id(link.span_id)

    def _time(self, time_ns: int) -> int:
        """A time that is not stated stays so."""
        return min(max(time_ns + self._shift_ns, 1), _MAX_NS) if time_ns else 0

    def _id(self, value: bytes) -> bytes:
        """No id, and one of a length that no receiver accepts, stay as they are."""
        if not self._salt or not any(value) or len(value) > blake2b.MAX_DIGEST_SIZE:
            return value
        return blake2b(value, digest_size=len(value), key=self._salt).digest()
