"""The reading door of a window: short snapshots on pooled connections, parsing outside the writer's way.

A long reader would keep the log from being cut, so nothing holds a snapshot between two traces.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from domain.claims import Scalar
from domain.contents import TraceContents
from domain.errors import ConfigError, PermanentError
from domain.following import SavedBucket
from domain.spans import SPAN_ID_BYTES, TRACE_ID_BYTES, Agent, StoredSpan, StoredTrace, TraceLines, TraceSummary
from domain.sql import NO_ARGS, SQL_LIMITS, SqlAnswer, SqlLimits, sql_schema
from store.base import Selected, Selection, TraceFilter
from store.window.connecting import WINDOW_NAME
from store.window.holding import KEYS_AT_ONCE, Doubts, Holding
from store.window.joining import Joiner
from store.window.overview import Overview
from store.window.pool import Pool
from store.window.schema import MAX_INT, NOBODY
from store.window.selecting import list_traces, select
from store.window.spans import Location, SpanSource
from store.window.sql import SqlReader
from store.window.summaries import completeness_cuts, summaries

_T = TypeVar("_T")
_MOST_AT_ONCE, _BYTES_AT_ONCE = 16, 1 << 20
_MIN_PREFIX_CHARS = 4
_LOCATIONS = """
SELECT s.container, s.ordinal, t.first_ns + s.arrived_ms * 1000000 FROM spans s JOIN traces t ON t.id = s.trace
"""
_PLACES = "SELECT start_ns, span_id, container, ordinal FROM spans WHERE trace = ?"
_HAS_LIVE = "SELECT 1 FROM sqlite_schema WHERE name = 'live_buckets'"
_LIVE = """
SELECT agent_uuid, start_ns, body FROM live_buckets
WHERE start_ns >= :from AND start_ns < :to AND (:agent IS NULL OR agent_uuid = :agent) ORDER BY start_ns, agent_uuid
"""


class SqliteReader:
    """Implements `store.base.WindowReader`; thread-safe, and a context manager that closes its connections."""

    def __init__(
        self, directory: Path, now_ns: Callable[[], int], on_damage: Callable[[int], None] | None = None
    ) -> None:
        self._pool = Pool(directory / WINDOW_NAME, on_damage)
        self._now_ns = now_ns
        self._source = SpanSource()
        self._joiner = Joiner(self._source)
        self._doubts: Doubts = {}
        self._sql = SqlReader(directory / WINDOW_NAME, now_ns, on_damage)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections; calls under way finish."""
        self._pool.close()
        self._sql.close()

    def agents(self, since_ns: int | None = None) -> list[Agent]:
        """As `WindowReader.agents`."""
        with self._pool.snapshot() as (_, connection):
            found = Overview(connection).agents()
        return [agent for agent in found if since_ns is None or agent.last_seen_ns >= since_ns]

    def find_agent(self, uuid_prefix: str) -> Agent | None:
        """As `WindowReader.find_agent`; also one whose traces retention has taken, with none left."""
        prefix = uuid_prefix.lower()
        with self._pool.snapshot() as (_, connection):
            found = [agent for agent in Overview(connection).agents() if agent.uuid.startswith(prefix)]
            if not found:
                gone = "SELECT uuid, name, service, 0, 0, last_ns FROM agents WHERE id <> ? AND substr(uuid, 1, ?) = ?"
                found = [Agent(*row) for row in connection.execute(gone, (NOBODY, len(prefix), prefix))]
        return _the_only(found, f"agent {uuid_prefix!r}", [agent.uuid for agent in found])

    def select(self, selection: Selection) -> Selected:
        """As `WindowReader.select`."""
        with self._pool.snapshot() as (_, connection):
            return select(connection, selection, self._now_ns())

    def keys(self, selection: Selection) -> tuple[int, ...]:
        """As `WindowReader.keys`: at the end of all time every trace is complete."""
        with self._pool.snapshot() as (_, connection):
            return select(connection, selection, MAX_INT).keys

    def read(self, keys: Sequence[int]) -> Iterator[StoredTrace]:
        """As `WindowReader.read`; small traces are read a few at a time."""
        waiting = deque(keys)
        while waiting:
            yield from self._few(waiting)

    def _few(self, waiting: deque[int]) -> list[StoredTrace]:
        """The next traces, as many as one short snapshot should read."""
        found: list[StoredTrace] = []
        size_bytes = 0
        with self._pool.snapshot() as (file, connection):
            while waiting and len(found) < _MOST_AT_ONCE and size_bytes < _BYTES_AT_ONCE:
                trace = self._trace(file, connection, waiting.popleft())
                if trace is not None:
                    found.append(trace)
                    size_bytes += sum(len(stored.raw) for stored in trace.spans)
        return found

    def holding(self, needle: bytes, keys: Sequence[int]) -> frozenset[int]:
        """As `WindowReader.holding`."""
        sought, found = Holding(needle, self._doubts), set[int]()
        for start in range(0, len(keys), KEYS_AT_ONCE):
            with self._pool.snapshot() as (file, connection):
                has_logs = self._joiner.has_logs(file, connection)
                found |= sought.among(file, connection, keys[start : start + KEYS_AT_ONCE], has_logs)
        return frozenset(found)

    def list_traces(self, wanted: TraceFilter) -> list[TraceSummary]:
        """As `WindowReader.list_traces`; `since_ns` is compared with a trace's end."""
        with self._pool.snapshot() as (_, connection):
            return list_traces(connection, wanted, self._now_ns())

    def trace(self, trace_id_prefix: str) -> StoredTrace | None:
        """As `WindowReader.trace`."""
        with self._pool.snapshot() as (file, connection):
            key = _trace_called(connection, trace_id_prefix)
            return None if key is None else self._trace(file, connection, key)

    def lines(self, trace_id_prefix: str) -> TraceLines | None:
        """As `WindowReader.lines`."""
        with self._pool.snapshot() as (file, connection):
            key = _trace_called(connection, trace_id_prefix)
            summary = None if key is None else self._summary(connection, key)
            if summary is None or self._joiner.has_records(file, connection, bytes.fromhex(summary.trace_id)):
                return None
            places = sorted((start, number % 2**64, *at) for start, number, *at in connection.execute(_PLACES, (key,)))
            found = self._source.lines(file, connection, [place[2:] for place in places])
        if found is None or places[-1][0] >= MAX_INT:  # what starts later is not told apart
            return None
        return TraceLines(summary, tuple((f"{place[1]:016x}", line) for place, line in zip(places, found, strict=True)))

    def span(self, trace_id: str, span_id: str) -> StoredSpan | None:
        """As `WindowReader.span`."""
        trace, span = _from_hex(trace_id, TRACE_ID_BYTES), _from_hex(span_id, SPAN_ID_BYTES)
        if trace is None or span is None:
            return None
        number = int.from_bytes(span, "big", signed=True)
        with self._pool.snapshot() as (file, connection):
            rows = connection.execute(_LOCATIONS + "WHERE t.trace_id = ? AND s.span_id = ?", (trace, number))
            found = self._source.fetch(file, connection, map(Location._make, rows.fetchall()))
            found = self._joiner.join(file, connection, found)
        return found[0] if found else None

    def live(self, agent_uuid: str | None, from_ns: int, to_ns: int) -> list[SavedBucket]:
        """As `WindowReader.live`."""
        wanted = {"agent": agent_uuid, "from": from_ns, "to": to_ns}
        with self._pool.snapshot() as (_, connection):
            if not connection.execute(_HAS_LIVE).fetchone():
                return []  # a window of an earlier version, not migrated yet
            return list(map(SavedBucket._make, connection.execute(_LIVE, wanted)))

    def sums(self) -> Mapping[str, int]:
        """As `WindowReader.sums`; `hot_bytes` are compressed."""
        with self._pool.snapshot() as (file, connection):
            totals = Overview(connection).sums()
            hot_bytes, frames = connection.execute(
                "SELECT coalesce(sum(stored_bytes) FILTER (WHERE agent IS NULL), 0),"
                " count(*) FILTER (WHERE agent IS NOT NULL) FROM containers"
            ).fetchone()
            logs = 0
            if self._joiner.has_logs(file, connection):
                logs = connection.execute("SELECT coalesce(sum(records), 0) FROM logs").fetchone()[0]
        return {**totals, "hot_bytes": hot_bytes, "frames": frames, "log_records": logs}

    def query(
        self, sql: str, args: Mapping[str, Scalar] = NO_ARGS, *, selection: Selection, limits: SqlLimits = SQL_LIMITS
    ) -> SqlAnswer:
        """As `WindowReader.query`."""
        return self._sql.query(sql, args, selection, limits)

    def contents(self, positions: Sequence[int], *, selection: Selection) -> list[TraceContents]:
        """As `WindowReader.contents`."""
        return self._sql.contents(positions, selection)

    def query_schema(self) -> str:
        """As `WindowReader.query_schema`."""
        return sql_schema()

    def _trace(self, file: int, connection: sqlite3.Connection, key: int) -> StoredTrace | None:
        summary = self._summary(connection, key)
        if summary is None:
            return None
        rows = connection.execute(_LOCATIONS + "WHERE s.trace = ?", (key,)).fetchall()
        spans = self._source.fetch(file, connection, map(Location._make, rows))
        spans.sort(key=lambda stored: (stored.span.start_time_unix_nano, stored.span.span_id))
        return StoredTrace(summary, tuple(self._joiner.join(file, connection, spans)))

    def _summary(self, connection: sqlite3.Connection, key: int) -> TraceSummary | None:
        cuts = completeness_cuts(connection, self._now_ns())
        listed = next(summaries(connection, "WHERE t.id = :key", {"key": key}, cuts), None)
        return None if listed is None else listed.summary


def _trace_called(connection: sqlite3.Connection, name: str) -> int | None:
    """The number of the trace with an id or a unique prefix; PermanentError when several have it."""
    found = _traces_called(connection, name)
    only = _the_only(found, f"trace {name!r}", [trace_id for _, trace_id in found])
    return None if only is None else only[0]


def _traces_called(connection: sqlite3.Connection, name: str) -> list[tuple[int, str]]:
    """Traces by exact source id, else by a prefix of the OTLP id or source id; a few are enough to be several."""
    exact = connection.execute(
        "SELECT id, lower(hex(trace_id)) FROM traces WHERE source_id = ? LIMIT 3", (name,)
    ).fetchall()
    if exact:
        return exact
    if len(name) < _MIN_PREFIX_CHARS:
        raise PermanentError(f"{name!r} is too short for a trace id; give at least {_MIN_PREFIX_CHARS} characters")
    by_source = connection.execute(
        "SELECT id, source_id FROM traces WHERE source_id >= ? AND source_id < ? LIMIT 3", (name, name + "\U0010ffff")
    ).fetchall()
    padded = (
        name.lower() + "0" * (2 * TRACE_ID_BYTES - len(name)),
        name.lower() + "f" * (2 * TRACE_ID_BYTES - len(name)),
    )
    low, high = (_from_hex(each, TRACE_ID_BYTES) for each in padded)
    if low is None or high is None:
        return by_source
    by_id = connection.execute(
        "SELECT id, lower(hex(trace_id)) FROM traces WHERE trace_id BETWEEN ? AND ? LIMIT 3", (low, high)
    ).fetchall()
    known = {key for key, _ in by_source}
    return by_source + [found for found in by_id if found[0] not in known]


def _from_hex(text: str, length: int) -> bytes | None:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value if len(value) == length and len(text) == 2 * length else None


def _the_only(found: Sequence[_T], what: str, names: Sequence[str]) -> _T | None:
    if len(found) > 1:
        raise PermanentError(f"{what} is ambiguous: {', '.join(names[:3])}; give more characters")
    return found[0] if found else None


def open_reader(directory: Path, now_ns: Callable[[], int]) -> SqliteReader:
    """The reading door of a directory, whoever writes it; ConfigError when there is no window."""
    if not (directory / WINDOW_NAME).is_file():
        raise ConfigError(f"store.directory: there is no {WINDOW_NAME} in {directory}; check --data-dir")
    return SqliteReader(directory, now_ns)
