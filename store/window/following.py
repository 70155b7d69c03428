"""Keeps a follower of the live traffic in step with the window, and the window safe from the follower.

A follower is told of spans after their commit, so what a failed commit held is never counted; what it closes is saved
in the next commit, or by upkeep when nothing arrives. Beside its buckets stands the time up to which traces were
closed: at the next start the traces that were open then are read and told again, so a restart loses and doubles
nothing. What a follower raises is counted and costs its numbers, never a span.
"""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import structlog

from domain.following import BUCKET_NS, Digest, Follower, SavedBucket
from domain.otlp import KeyValue, Span
from domain.semconv import attributes_of, places_with
from domain.spans import SpanIndex
from store.window.merging import Completeness
from store.window.planning import Plan
from store.window.reopening import complete_traces, open_traces
from store.window.transactions import transaction
from telemetry.metrics import LIVE_FAILURES, LIVE_LATE_SPANS, LIVE_SKIPPED_TRACES

_LOG = structlog.get_logger()
_SETTLE_EVERY_NS = 1_000_000_000
_SAVE = """
INSERT INTO live_buckets (start_ns, agent_uuid, body) VALUES (?, ?, ?)
ON CONFLICT (start_ns, agent_uuid) DO UPDATE SET body = excluded.body
"""


class _Landed(NamedTuple):
    """The news of one commit, for a follower that has not been told yet."""

    digests: Sequence[Digest]
    now_ns: int


class Following:
    """One follower, or none; all calls but `digest` come from the thread that writes.

    `keep_ns` is how long buckets are kept; `places` is the table to index spans with.
    """

    def __init__(self, follower: Follower | None, completeness: Completeness, keep_ns: int) -> None:
        self._follower = follower
        self._completeness = completeness
        self._keep_ns = keep_ns
        self.places = places_with(() if follower is None else follower.keys)
        self._digest = _no_digest if follower is None else follower.digest
        self._warned: set[type[Exception]] = set()  # what `digest` has raised
        self._landed: list[_Landed] = []
        self._unsaved: dict[tuple[str, int], SavedBucket] = {}
        self._settled_ns: int | None = None
        self._complete: frozenset[bytes] = frozenset()  # traces counted before the start

    @property
    def digesting(self) -> "Following | None":
        """Itself, unless there is no follower: then nothing is asked of a span beside its index."""
        return None if self._follower is None else self

    def digest(self, row: SpanIndex, span: Span, said: Mapping[str, KeyValue]) -> Digest:
        """What the follower keeps of a span, from any thread; None without a follower, or when it raised."""
        try:
            return self._digest(row, span, said)
        except Exception as error:
            if type(error) in self._warned:  # it may be every span
                LIVE_FAILURES.labels("digest").inc()
            else:
                self._warned.add(type(error))
                _failed("digest", error)
            return None

    def save(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """In the caller's transaction: close what has completed, once a second, and save what changed."""
        if self._follower is None or not self._settle(self._follower, now_ns):
            return
        self._write(connection)

    def committed(self, plans: Sequence[Plan], kept: Collection[int] | None, now_ns: int) -> None:
        """The transaction in which `save` was called is on disk, with the spans of `plans` at the positions `kept`."""
        if self._follower is not None:
            self._unsaved.clear()
            self._landed.append(_Landed(_news(plans, kept, self._complete), now_ns))

    def take(self) -> None:
        """Tell the follower what has been committed; after the senders were told, for they wait."""
        landed, self._landed = self._landed, []
        for digests, now_ns in landed:
            if digests:
                self._guarded("take", partial(_take, digests, now_ns))

    def keep_up(self, connection: sqlite3.Connection, now_ns: int, *, force: bool = False) -> None:
        """While nothing may arrive: close what has completed, and save it in a transaction of its own."""
        if self._follower is None or not self._settle(self._follower, now_ns, force=force) or not self._unsaved:
            return
        with transaction(connection):
            self._write(connection)
        self._unsaved.clear()

    def forget(self, connection: sqlite3.Connection, now_ns: int, max_age_ns: int) -> None:
        """Take whole buckets that ended before what is kept, of buckets or of spans."""
        before_ns = now_ns - min(self._keep_ns, max_age_ns)
        self._guarded("forget", lambda follower: follower.forget(before_ns))
        ended = (before_ns - BUCKET_NS,)
        if connection.execute("SELECT 1 FROM live_buckets WHERE start_ns <= ? LIMIT 1", ended).fetchone():
            with transaction(connection):
                connection.execute("DELETE FROM live_buckets WHERE start_ns <= ?", ended)

    def restore(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """At the start: tell the follower of its buckets, and again of the traces that were open at the last save.

        What cannot be read is not followed: a damaged file is found out, and dealt with, by whoever needs it.
        """
        if self._follower is None:
            return
        try:
            self._tell_again(self._follower, connection, now_ns)
        except Exception as error:
            _failed("restore", error)

    def _tell_again(self, follower: Follower, connection: sqlite3.Connection, now_ns: int) -> None:
        rows = connection.execute("SELECT agent_uuid, start_ns, body FROM live_buckets ORDER BY start_ns")
        self._guarded("restore", lambda follower: follower.restore(map(SavedBucket._make, rows.fetchall())))
        found = connection.execute("SELECT value FROM meta WHERE key = 'live_settled_ns'").fetchone()
        cuts = self._completeness.cuts(now_ns if found is None else found[0])
        opened = open_traces(connection, cuts)
        self._complete = complete_traces(connection, cuts)
        LIVE_SKIPPED_TRACES.inc(opened.skipped)
        for last_ns, spans in opened.traces:
            told = [self.digest(row, span, attributes_of(span, follower.keys)) for row, span in spans]
            self._landed.append(_Landed([digest for digest in told if digest is not None], last_ns))
            self.take()

    def _settle(self, follower: Follower, now_ns: int, *, force: bool = False) -> bool:
        """Whether the follower closed what has completed: not oftener than once a second."""
        if not force and self._settled_ns is not None and 0 <= now_ns - self._settled_ns < _SETTLE_EVERY_NS:
            return bool(self._unsaved)
        try:
            changed = follower.settle(now_ns)
        except Exception as error:
            _failed("settle", error)
            return bool(self._unsaved)
        self._settled_ns = now_ns
        self._unsaved.update(((each.agent_uuid, each.start_ns), each) for each in changed)
        return True

    def _write(self, connection: sqlite3.Connection) -> None:
        saved = [(each.start_ns, each.agent_uuid, each.body) for each in self._unsaved.values()]
        connection.executemany(_SAVE, [row for row in saved if row[2]])
        connection.executemany(
            "DELETE FROM live_buckets WHERE start_ns = ? AND agent_uuid = ?", [row[:2] for row in saved if not row[2]]
        )
        connection.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('live_settled_ns', ?)", (self._settled_ns,)
        )

    def _guarded(self, call: str, work: Callable[[Follower], None]) -> None:
        if self._follower is None:
            return
        try:
            work(self._follower)
        except Exception as error:
            _failed(call, error)


def _no_digest(row: SpanIndex, span: Span, said: Mapping[str, KeyValue]) -> Digest:
    return None


def _take(digests: Sequence[Digest], now_ns: int, follower: Follower) -> None:
    follower.take(digests, now_ns)


def _news(plans: Sequence[Plan], kept: Collection[int] | None, complete: frozenset[bytes]) -> list[Digest]:
    """The digests of the rows that were kept, of all when None, but for those of traces counted before the start.

    A span may have none, since the follower raised.
    """
    digests = [digest for each in plans for digest in each.digests]
    if kept is None and not complete:
        return [digest for digest in digests if digest is not None]
    rows = [row for each in plans for row in each.rows]
    told = [(rows[at], digests[at]) for at in (range(len(rows)) if kept is None else sorted(kept))]
    told = [(row, digest) for row, digest in told if digest is not None]
    news = [digest for row, digest in told if row.trace_id not in complete]
    LIVE_LATE_SPANS.inc(len(told) - len(news))
    return news


def _failed(call: str, error: Exception) -> None:
    LIVE_FAILURES.labels(call).inc()
    _LOG.warning("live_follower_failed", call=call, error=type(error).__name__)
