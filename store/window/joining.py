"""Joining log records to their spans: whoever reads a span sees them as its last events.

The events are appended to the span's bytes as well, so that what is derived from a span, frozen as evidence and
derived again for verification is the same. Most traces have no records: then one look-up finds none.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from google.protobuf.message import DecodeError

from domain.log_events import span_event
from domain.otlp import LogRecord, Span
from domain.spans import SPAN_ID_BYTES, StoredSpan
from store.window.containers import Codec, Container, Spans
from store.window.log_planning import split_keys
from store.window.spans import SpanSource

_Events = dict[bytes, list[tuple[Span.Event, int]]]


class Joiner:
    """Joins over reading connections, with the containers that a source keeps open; serves several threads."""

    def __init__(self, source: SpanSource) -> None:
        self._source = source
        self._with_logs: set[int] = set()

    def join(self, file: int, connection: sqlite3.Connection, spans: Sequence[StoredSpan]) -> list[StoredSpan]:
        """Spans of one trace, each with its records; `file` stands for the connection's file."""
        if not spans or not self.has_logs(file, connection):
            return list(spans)
        wanted = {stored.span.span_id for stored in spans}
        found = self._events(file, connection, spans[0].span.trace_id, wanted)
        return [_joined(stored, found) if stored.span.span_id in found else stored for stored in spans]

    def has_logs(self, file: int, connection: sqlite3.Connection) -> bool:
        """Whether the file has the table: an older HALO may still be writing it without."""
        if file not in self._with_logs:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'logs'").fetchone():
                return False
            self._with_logs.add(file)
        return True

    def has_records(self, file: int, connection: sqlite3.Connection, trace_id: bytes) -> bool:
        """Whether a trace has any records."""
        rows = "SELECT 1 FROM logs WHERE trace_id = ? LIMIT 1"
        return self.has_logs(file, connection) and connection.execute(rows, (trace_id,)).fetchone() is not None

    def _events(self, file: int, connection: sqlite3.Connection, trace_id: bytes, wanted: set[bytes]) -> _Events:
        """The events of some spans by span id, in the order of arrival, with the time of their arrival."""
        events: _Events = {}
        rows = "SELECT id, last_ns, keys FROM logs WHERE trace_id = ? ORDER BY last_ns, id"
        for number, last_ns, keys in connection.execute(rows, (trace_id,)).fetchall():
            owners = [key[:SPAN_ID_BYTES] for key in split_keys(keys)]
            if wanted.isdisjoint(owners):
                continue
            opened = self._source.open(file, -number, partial(_open, connection, number=number))
            for ordinal, span_id in enumerate(owners):
                if span_id in wanted:
                    record = LogRecord.FromString(opened.piece(ordinal).span)
                    events.setdefault(span_id, []).append((span_event(record), last_ns))
        return events


def _open(connection: sqlite3.Connection, codec: Codec, number: int) -> Container | None:
    row = connection.execute("SELECT data FROM logs WHERE id = ?", (number,)).fetchone()
    return None if row is None else Spans(codec.decompress(row[0]))


def _joined(stored: StoredSpan, events: Mapping[bytes, list[tuple[Span.Event, int]]]) -> StoredSpan:
    """A span with its events added, by their time; those it has already (it was exported joined) are left out."""
    own = {event.SerializeToString(deterministic=True) for event in stored.span.events}
    found = events[stored.span.span_id]
    news = [event for event, _ in found if event.SerializeToString(deterministic=True) not in own]
    news.sort(key=lambda event: event.time_unix_nano)
    raw = stored.raw + Span(events=news).SerializeToString()
    try:
        span = Span.FromString(raw)
    except DecodeError:  # an attribute that nests as deep as a record may is too deep in an event
        return stored
    return replace(stored, span=span, raw=raw, arrived_ns=max(stored.arrived_ns, *(last_ns for _, last_ns in found)))
