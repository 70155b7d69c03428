"""Taking traces out of the window: whole ones, in short transactions, counted for whoever asks later.

A trace half evicted would look like a failure of the agent (missing parents, missing answers), so the trace is
the unit. What was taken is remembered by agent and by the hour of the trace's end, so that a run can say how
much of its selection it could not see.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from store.window.agents import SHARE_COLUMNS, Share, Totals, own_service, share
from store.window.containers import release_spans
from store.window.logs import forget_trace
from store.window.rolling import Rebuilt, apply_rebuilt, rebuild, relate
from store.window.schema import NOBODY

SLOT_NS = 3_600_000_000_000
STEP_SPANS = 5_000
_KEPT_SLOTS = 24 * 400
_ADD_DROPPED = """
INSERT INTO dropped (agent, slot, spans) VALUES (?, ?, ?)
ON CONFLICT (agent, slot) DO UPDATE SET spans = spans + excluded.spans
"""
_STEP = "SELECT span_id, container FROM spans WHERE trace = ? ORDER BY span_id LIMIT ?"


class Evicted(NamedTuple):
    """How much one step took."""

    spans: int
    traces: int


class Evictor:
    """One step of eviction in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._totals = Totals()
        self._lost: Counter[int] = Counter()
        self._spans = self._traces = 0

    def evict(self, keys: Iterable[int]) -> Evicted:
        """Take traces until `STEP_SPANS` spans are gone; of a bigger trace that many, the rest at the next step."""
        for key in keys:
            if self._spans >= STEP_SPANS:
                break
            self._evict_trace(key)
        self._totals.apply(self._connection)
        release_spans(self._connection, self._lost.items())
        return Evicted(self._spans, self._traces)

    def _evict_trace(self, key: int) -> None:
        before = self._owned_share(key)
        if before is None:
            return
        spans, end_ns = self._connection.execute("SELECT spans, end_ns FROM traces WHERE id = ?", (key,)).fetchone()
        taken = self._evict_part(key) if spans > STEP_SPANS else self._evict_whole(before)
        self._spans += taken
        for agent in (before.agent, *before.nested):
            self._connection.execute(_ADD_DROPPED, (agent, end_ns // SLOT_NS, taken))

    def _owned_share(self, key: int) -> Share | None:
        """A trace's share, rolled up first if it never was: what is dropped is dropped from somebody."""
        wanted = f"SELECT {SHARE_COLUMNS} FROM traces WHERE id = ?"
        row = self._connection.execute(wanted, (key,)).fetchone()
        if row is not None and share(row).agent is None:
            own = own_service(self._connection)
            apply_rebuilt(self._connection, [Rebuilt(share(row), rebuild(self._connection, key, own))])
            row = self._connection.execute(wanted, (key,)).fetchone()
        return None if row is None else share(row)

    def _evict_whole(self, before: Share) -> int:
        key = (before.key,)
        places = "SELECT container, count(*) FROM spans WHERE trace = ? GROUP BY container"
        self._lost.update(dict(self._connection.execute(places, key)))
        taken = self._connection.execute("DELETE FROM spans WHERE trace = ?", key).rowcount
        forget_trace(self._connection, before.key)
        self._connection.execute("DELETE FROM traces WHERE id = ?", key)
        relate(self._connection, before.key, before.nested, ())
        self._totals.remove(before)
        self._traces += 1
        return taken

    def _evict_part(self, key: int) -> int:
        spans: Sequence[tuple[int, int]] = self._connection.execute(_STEP, (key, STEP_SPANS)).fetchall()
        self._lost.update(container for _, container in spans)
        self._connection.executemany(
            "DELETE FROM spans WHERE trace = ? AND span_id = ?", [(key, span_id) for span_id, _ in spans]
        )
        self._connection.execute(
            "UPDATE traces SET spans = spans - ?, revision = revision + 1, dirty = 1 WHERE id = ?", (len(spans), key)
        )
        return len(spans)


def dropped_spans(connection: sqlite3.Connection, from_ns: int, to_ns: int, agents: Sequence[int] | None) -> int:
    """Spans taken from traces that ended in [from, to), by the hour, of some agents or of all."""
    where = f"agent IN ({', '.join('?' * len(agents))})" if agents is not None else f"agent <> {NOBODY}"
    row = connection.execute(
        f"SELECT coalesce(sum(spans), 0) FROM dropped WHERE {where} AND slot >= ? AND slot < ?",
        (*(agents or ()), from_ns // SLOT_NS, -(-to_ns // SLOT_NS)),
    ).fetchone()
    return int(row[0])


def forget_dropped(connection: sqlite3.Connection, now_ns: int) -> None:
    """Forget counts of times that no run looks back to."""
    connection.execute("DELETE FROM dropped WHERE slot < ?", (now_ns // SLOT_NS - _KEPT_SLOTS,))
