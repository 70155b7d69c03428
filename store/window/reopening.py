"""The traces that were open when a follower was last saved: read from the window, to be told to it again.

Cheap because few are open at any moment, and those lie in hot batches. A bound keeps a start short all the same; what
is beyond it is the oldest, and is counted. Traces that had completed are only named: a span that comes late for one of
them would look like a trace of its own.
"""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from domain.otlp import Span
from domain.semconv import resource_index, span_index
from domain.spans import SpanIndex, StoredSpan
from store.window.spans import Location, SpanSource

MAX_SPANS = 20_000
MAX_COMPLETE = 16_384
_OPEN = """
SELECT id, last_ns, spans FROM traces
WHERE hot AND last_ns > :idle AND (NOT rooted OR last_ns > :quiet) ORDER BY last_ns DESC
"""
_COMPLETE = """
SELECT trace_id FROM (SELECT * FROM traces ORDER BY id DESC LIMIT :limit)
WHERE last_ns <= :idle OR rooted AND last_ns <= :quiet
"""
_LOCATIONS = """
SELECT s.container, s.ordinal, t.first_ns + s.arrived_ms * 1000000 FROM spans s JOIN traces t ON t.id = s.trace
WHERE s.trace = ?
"""
Told = tuple[SpanIndex, Span]


class Reopened(NamedTuple):
    """Open traces by last arrival, each with that time and its spans in order of arrival; and how many are left out."""

    traces: Iterator[tuple[int, list[Told]]]
    skipped: int


def open_traces(connection: sqlite3.Connection, cuts: tuple[int, int], max_spans: int = MAX_SPANS) -> Reopened:
    """Traces that were not complete at some time, the latest `max_spans` of them; `cuts` as of `Completeness.cuts`."""
    quiet_ns, idle_ns = cuts
    found = connection.execute(_OPEN, {"quiet": quiet_ns, "idle": idle_ns}).fetchall()
    chosen: list[tuple[int, int]] = []
    for key, last_ns, spans in found:
        max_spans -= spans
        if max_spans < 0:
            break
        chosen.append((key, last_ns))
    return Reopened(_read(connection, chosen[::-1]), len(found) - len(chosen))


def complete_traces(connection: sqlite3.Connection, cuts: tuple[int, int]) -> frozenset[bytes]:
    """The ids of the latest traces that were complete at that time."""
    quiet_ns, idle_ns = cuts
    found = connection.execute(_COMPLETE, {"quiet": quiet_ns, "idle": idle_ns, "limit": MAX_COMPLETE})
    return frozenset(trace_id for (trace_id,) in found)


def _read(connection: sqlite3.Connection, traces: list[tuple[int, int]]) -> Iterator[tuple[int, list[Told]]]:
    source = SpanSource()
    for key, last_ns in traces:
        locations = sorted(map(Location._make, connection.execute(_LOCATIONS, (key,))), key=_arrival)
        stored = source.fetch(0, connection, locations)
        yield last_ns, [(_row(each), each.span) for each in stored]


def _arrival(location: Location) -> tuple[int, int, int]:
    return location.arrived_ns, location.container, location.ordinal


def _row(stored: StoredSpan) -> SpanIndex:
    return span_index(stored.span, resource_index(stored.resource), len(stored.raw))
