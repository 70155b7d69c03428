"""One commit of arrivals: strings, traces, spans, and one hot batch with the bytes of all its requests.

Nearly always every span is new, so that is tried first, and one number tells whether it was true. Only when
some are known already is each looked up: of the same span the later end wins, the rest is left out of the
bytes as well, so that resending changes nothing at all.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.spans import SpanIndex
from store.window.bulk import execute_rows, look_up
from store.window.containers import Codec, insert_container, release_spans
from store.window.dictionary import Dictionary
from store.window.planning import Plan, keep_only
from store.window.schema import MAX_INT

PUT_TRACES = """
INSERT INTO traces (trace_id, revision, dirty, hot, rooted, spans, bytes, first_ns, last_ns, start_ns, end_ns,
    session, source_id)
"""
PUT_KNOWN_TRACES = """
ON CONFLICT (trace_id) DO UPDATE SET
    revision = revision + 1, dirty = 1, hot = 1,
    rooted = max(rooted, excluded.rooted),
    spans = spans + excluded.spans,
    bytes = bytes + excluded.bytes,
    last_ns = max(last_ns, excluded.last_ns),
    start_ns = min(start_ns, excluded.start_ns),
    end_ns = max(end_ns, excluded.end_ns),
    session = CASE WHEN session IS NULL OR excluded.session < session
        THEN coalesce(excluded.session, session) ELSE session END,
    source_id = coalesce(source_id, excluded.source_id)
"""
_PLACES = "SELECT json_array(hex(trace_id), id, first_ns) AS found FROM traces WHERE trace_id IN"
_STORED = "SELECT container, start_ns, duration_ns, size_bytes FROM spans WHERE trace = ? AND span_id = ?"


class Outcome(NamedTuple):
    """Spans by what became of them."""

    new: int
    replaced: int
    resent: int


class Ingested(NamedTuple):
    """What became of a batch, and the positions of the rows that are news; None means that all are."""

    outcome: Outcome
    kept: Collection[int] | None


class Tally:
    """What a batch brings to one trace."""

    __slots__ = ("end_ns", "rooted", "session", "size_bytes", "spans", "start_ns")

    def __init__(self) -> None:
        self.spans = self.size_bytes = self.rooted = self.end_ns = 0
        self.start_ns = MAX_INT
        self.session: str | None = None


@dataclass
class Sieve:
    """Which rows of a batch are news, and what they displace."""

    kept: set[int] = field(default_factory=set)
    displaced: Counter[int] = field(default_factory=Counter)  # container → spans
    fewer_spans: Counter[bytes] = field(default_factory=Counter)  # trace id → spans known before
    fewer_bytes: Counter[bytes] = field(default_factory=Counter)


class Ingest:
    """Writes batches of plans over one connection; the caller owns the transaction."""

    def __init__(self, connection: sqlite3.Connection, codec: Codec) -> None:
        self._connection = connection
        self._codec = codec
        self.dictionary = Dictionary(connection)

    def append(self, plans: Sequence[Plan], now_ns: int) -> Ingested:
        """Keep what is new of these plans."""
        rows = [row for each in plans for row in each.rows]
        if not rows:
            return Ingested(Outcome(0, 0, 0), None)
        raw = b"".join(each.raw for each in plans if each.rows)
        sources = {trace_id: name for each in plans for trace_id, name in each.sources.items()}
        self._connection.execute("SAVEPOINT arrivals")
        if self._store(raw, rows, sources, now_ns, "INSERT OR IGNORE", Sieve()) == len(rows):
            self._connection.execute("RELEASE arrivals")
            return Ingested(Outcome(len(rows), 0, 0), None)
        self._connection.execute("ROLLBACK TO arrivals")
        self._connection.execute("RELEASE arrivals")
        self.dictionary.rolled_back()
        return self._append_news(raw, rows, sources, now_ns)

    def _append_news(
        self, raw: bytes, rows: Sequence[SpanIndex], sources: Mapping[bytes, str], now_ns: int
    ) -> Ingested:
        sieve = self._sift(rows)
        news = [row for position, row in enumerate(rows) if position in sieve.kept]
        if news:
            self._store(keep_only(raw, sieve.kept), news, sources, now_ns, "INSERT OR REPLACE", sieve)
            release_spans(self._connection, sieve.displaced.items())
        replaced = sieve.displaced.total()
        return Ingested(Outcome(len(news) - replaced, replaced, len(rows) - len(news)), sieve.kept)

    def _sift(self, rows: Sequence[SpanIndex]) -> Sieve:
        sieve = Sieve()
        latest: dict[tuple[bytes, bytes], int] = {}
        keys: dict[bytes, int | None] = {}
        for position, row in enumerate(rows):
            earlier = latest.get(row[:2])
            if earlier is not None:
                if row.end_ns > rows[earlier].end_ns:
                    sieve.kept.remove(earlier)
                    sieve.kept.add(position)
                    latest[row[:2]] = position
                continue
            if row.trace_id not in keys:
                found = self._connection.execute("SELECT id FROM traces WHERE trace_id = ?", row[:1]).fetchone()
                keys[row.trace_id] = found[0] if found else None
            stored = self._connection.execute(_STORED, (keys[row.trace_id], _number(row.span_id))).fetchone()
            if stored is not None:
                container, start_ns, duration_ns, size_bytes = stored
                if min(row.end_ns, MAX_INT) <= (0 if duration_ns is None else start_ns + duration_ns):
                    continue
                sieve.displaced[container] += 1
                sieve.fewer_spans[row.trace_id] += 1
                sieve.fewer_bytes[row.trace_id] += size_bytes
            latest[row[:2]] = position
            sieve.kept.add(position)
        return sieve

    def _store(
        self,
        raw: bytes,
        rows: Sequence[SpanIndex],
        sources: Mapping[bytes, str],
        now_ns: int,
        verb: str,
        sieve: Sieve,
    ) -> int:
        """Write everything; how many rows of `spans` that changed."""
        data = self._codec.compress_hot(raw)
        places = self._place_traces(_tallies(rows), sources, now_ns, sieve)
        container = insert_container(
            self._connection,
            data,
            agent=None,
            spans=len(rows),
            raw_bytes=len(raw),
            oldest_ns=now_ns,
            traces=(key for key, _ in places.values()),
        )
        values = _span_values(rows, places, container, self.dictionary)
        return execute_rows(self._connection, f"{verb} INTO spans", values)

    def _place_traces(
        self, tallies: Mapping[bytes, Tally], sources: Mapping[bytes, str], now_ns: int, sieve: Sieve
    ) -> dict[bytes, tuple[int, int]]:
        """By trace id the trace's number, and the arrival of its spans in milliseconds after its first."""
        rows = [
            (
                trace_id,
                1,
                1,
                1,
                tally.rooted,
                tally.spans - sieve.fewer_spans[trace_id],
                tally.size_bytes - sieve.fewer_bytes[trace_id],
                now_ns,
                now_ns,
                tally.start_ns,
                tally.end_ns,
                tally.session,
                sources.get(trace_id),
            )
            for trace_id, tally in tallies.items()
        ]
        execute_rows(self._connection, PUT_TRACES, rows, PUT_KNOWN_TRACES)
        return {
            bytes.fromhex(str(name)): (int(key), max(now_ns - int(first_ns), 0) // 1_000_000)
            for name, key, first_ns in look_up(self._connection, _PLACES, list(tallies))
        }


def _number(span_id: bytes) -> int:
    return int.from_bytes(span_id[:8], "big", signed=True)


def _tallies(rows: Sequence[SpanIndex]) -> dict[bytes, Tally]:
    tallies: dict[bytes, Tally] = {}
    last_id, tally = b"", Tally()
    for row in rows:
        trace_id = row[0]
        if trace_id != last_id:
            last_id = trace_id
            if trace_id in tallies:
                tally = tallies[trace_id]
            else:
                tally = tallies[trace_id] = Tally()
        start_ns, end_ns, session = row[6], row[7], row[11]
        tally.spans += 1
        tally.size_bytes += row[18]
        if start_ns < tally.start_ns:
            tally.start_ns = start_ns
        if end_ns < start_ns:
            end_ns = min(start_ns, MAX_INT)
        elif end_ns > MAX_INT:
            end_ns = MAX_INT
        if end_ns > tally.end_ns:
            tally.end_ns = end_ns
        if row[7] and not row[2]:
            tally.rooted = 1
        if session is not None and (tally.session is None or session < tally.session):
            tally.session = session
    return tallies


def _span_values(
    rows: Sequence[SpanIndex], places: Mapping[bytes, tuple[int, int]], container: int, strings: Dictionary
) -> list[tuple[int | None, ...]]:
    """Rows of `spans`, in the order of its columns."""
    values: list[tuple[int | None, ...]] = []
    number = int.from_bytes
    for ordinal, row in enumerate(rows):
        (trace_id, span_id, parent_id, service, name, kind, start_ns, end_ns, status, agent_id, agent_name) = row[:11]
        (_, provider, model, input_tokens, output_tokens, tool, error, size_bytes) = row[11:]
        if start_ns > MAX_INT or end_ns > MAX_INT:
            start_ns, end_ns = min(start_ns, MAX_INT), min(end_ns, MAX_INT)
        key, arrived_ms = places[trace_id]
        values.append(
            (
                key,
                number(span_id, "big", signed=True),
                number(parent_id[:8], "big", signed=True) if parent_id else None,
                container,
                ordinal,
                arrived_ms,
                strings[service],
                strings[name],
                +kind,  # a plain integer: SQLite's adapter is slow with enums
                +status,
                start_ns,
                end_ns - start_ns if end_ns else None,
                size_bytes,
                strings[provider],
                strings[model],
                strings[tool],
                strings[error],
                strings[agent_id],
                strings[agent_name],
                input_tokens,
                output_tokens,
            )
        )
    return values
