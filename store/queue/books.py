"""The changes to forward.db, each inside a transaction that the writer holds open, and the figures that follow them.

Nothing of a change is told to the world (metrics, logs) before its commit: `committed` and `rolled_back` end it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from store.forwarding import Bound
from store.queue.accounts import Account
from telemetry.metrics import FORWARD_DROPPED_ITEMS
from telemetry.seldom import Seldom

OVERFLOW, TOO_OLD, REMOVED, DAMAGED, REJECTED = "overflow", "too_old", "target_removed", "queue_damaged", "rejected"
_OWN_REASONS = frozenset((OVERFLOW, TOO_OLD, REMOVED, DAMAGED))  # of the others, the sender knows more to tell
_AT_A_TIME = 64
_OLDEST = (
    "SELECT r.id, r.items, r.stored_bytes, r.queued_ns FROM owed AS o JOIN requests AS r ON r.id = o.request"
    " WHERE o.target = ? ORDER BY o.request LIMIT ?"
)
_LOG = structlog.get_logger()


class Stored(NamedTuple):
    """A request as the file holds it: compressed."""

    signal: str
    items: int
    raw_bytes: int
    queued_ns: int
    data: bytes


class Books:
    """The queue's tables and accounts over one connection; used by one thread."""

    def __init__(self, connection: sqlite3.Connection, bounds: Mapping[str, Bound], seldom: Seldom) -> None:
        self.connection = connection
        self._seldom = seldom
        self._lost: list[tuple[str, str, int]] = []
        self._saved: dict[str, Account] = {}
        self._remove_strangers(bounds)
        self.accounts = {name: self._account(name, bound) for name, bound in bounds.items()}
        self.last_request: int = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()[0]

    def begin(self) -> None:
        """Remember the figures for `rolled_back`."""
        self._saved = {name: account.copy() for name, account in self.accounts.items()}

    def committed(self) -> None:
        """Tell what was dropped."""
        for name, reason, items in self._lost:
            FORWARD_DROPPED_ITEMS.labels(name, reason).inc(items)
            if reason in _OWN_REASONS and (count := self._seldom.due((name, reason), items)):
                _LOG.warning("forward_items_dropped", forwarder=name, reason=reason, items=count)
        self._lost = []

    def rolled_back(self) -> None:
        """Go back to the figures before `begin`."""
        self.accounts, self._lost = self._saved, []

    def continue_after(self, former: "Books") -> None:
        """Go on, inside a transaction, after books whose file was lost with all that waited there.

        Ids go on as well: those who take requests remember how far they have come.
        """
        self.connection.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('requests', ?)", (former.last_request,)
        )
        for name, account in self.accounts.items():
            before = former.accounts[name]
            account.queued, account.forwarded = before.queued, before.forwarded
            account.dropped, account.found = dict(before.dropped), before.found + account.items
            self._count_lost(name, before.items, DAMAGED)

    def put(self, stored: Stored, targets: Iterable[str]) -> None:
        """Owe a request; what then is too much, or too old, is dropped, the oldest first."""
        targets = list(targets)
        self._insert(stored, targets)
        for name in targets:
            account = self.accounts[name]
            account.queued += stored.items
            self.expire(name, stored.queued_ns)
            if account.is_over:
                self._make_fit(name)

    def settle(self, target: str, ids: Sequence[int], rejected: int) -> int:
        """As `ForwardQueue.settle`."""
        items = self._release(target, ids)
        rejected = min(rejected, items)
        self.accounts[target].forwarded += items - rejected
        self._count_lost(target, rejected, REJECTED)
        return items

    def drop(self, target: str, ids: Sequence[int], reason: str) -> int:
        """As `ForwardQueue.drop`."""
        items = self._release(target, ids)
        self._count_lost(target, items, reason)
        return items

    def replace(self, target: str, request: int, parts: Iterable[Stored]) -> None:
        """As `ForwardQueue.replace`."""
        account = self.accounts[target]
        before = account.requests
        items = self._release(target, [request])
        if account.requests == before:
            return
        for part in parts:
            self._insert(part, [target])
            items -= part.items
        account.queued -= items  # parts that count differently from the whole must not unbalance the figures

    def expire(self, target: str, now_ns: int) -> None:
        """Drop what is older than it may be."""
        account = self.accounts[target]
        age_ns = account.bound.max_age_ns
        if age_ns is not None and account.is_overdue(now_ns):
            self._drop_oldest(target, TOO_OLD, lambda queued_ns: now_ns - queued_ns > age_ns)

    def _insert(self, stored: Stored, targets: Iterable[str]) -> None:
        row = (stored.signal, stored.items, stored.raw_bytes, len(stored.data), stored.queued_ns, stored.data)
        request = self.connection.execute(
            "INSERT INTO requests (signal, items, raw_bytes, stored_bytes, queued_ns, data) VALUES (?, ?, ?, ?, ?, ?)",
            row,
        ).lastrowid
        self.last_request = request or self.last_request
        for name in targets:
            account = self.accounts[name]
            self.connection.execute("INSERT INTO owed (target, request) VALUES (?, ?)", (account.target, request))
            if not account.requests:
                account.oldest_ns = stored.queued_ns
            account.add(1, stored.items, len(stored.data))

    def _make_fit(self, target: str) -> None:
        account = self.accounts[target]
        self._drop_oldest(target, OVERFLOW, lambda _: account.is_over)

    def _drop_oldest(self, target: str, reason: str, must_go: Callable[[int], bool]) -> None:
        account = self.accounts[target]
        while rows := self.connection.execute(_OLDEST, (account.target, _AT_A_TIME)).fetchall():
            for request, items, _, queued_ns in rows:
                if not must_go(queued_ns):
                    return
                self._release(target, [request])
                self._count_lost(target, items, reason)

    def _release(self, target: str, ids: Sequence[int]) -> int:
        """These are no longer owed to a target; the items of those that were. What nobody is owed goes."""
        account = self.accounts[target]
        released = 0
        for request in ids:
            row = self.connection.execute(
                "DELETE FROM owed WHERE target = ? AND request = ?"
                " RETURNING (SELECT items FROM requests WHERE id = request),"
                " (SELECT stored_bytes FROM requests WHERE id = request)",
                (account.target, request),
            ).fetchone()
            if row is None:
                continue
            self.connection.execute(
                "DELETE FROM requests WHERE id = ? AND NOT EXISTS (SELECT 1 FROM owed WHERE request = ?)",
                (request, request),
            )
            account.add(-1, -row[0], -row[1])
            released += row[0]
        self._find_oldest(account)
        return released

    def _find_oldest(self, account: Account) -> None:
        first = self.connection.execute(_OLDEST, (account.target, 1)).fetchone()
        account.oldest_ns = first[3] if first else 0

    def _count_lost(self, target: str, items: int, reason: str) -> None:
        self.accounts[target].drop(items, reason)
        if items:
            self._lost.append((target, reason, items))

    def _account(self, name: str, bound: Bound) -> Account:
        self.connection.execute("INSERT INTO targets (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
        number = self.connection.execute("SELECT id FROM targets WHERE name = ?", (name,)).fetchone()[0]
        requests, items, size_bytes = self.connection.execute(
            "SELECT count(*), coalesce(sum(r.items), 0), coalesce(sum(r.stored_bytes), 0)"
            " FROM owed AS o JOIN requests AS r ON r.id = o.request WHERE o.target = ?",
            (number,),
        ).fetchone()
        account = Account(number, bound, requests, items, size_bytes, found=items)
        self._find_oldest(account)
        return account

    def _remove_strangers(self, bounds: Mapping[str, Bound]) -> None:
        """Forget what is owed to targets that are no longer configured."""
        for number, name in self.connection.execute("SELECT id, name FROM targets").fetchall():
            if name in bounds:
                continue
            owed = "SELECT coalesce(sum(r.items), 0) FROM owed AS o JOIN requests AS r ON r.id = o.request"
            items = self.connection.execute(f"{owed} WHERE o.target = ?", (number,)).fetchone()[0]
            self.connection.execute("DELETE FROM owed WHERE target = ?", (number,))
            self.connection.execute("DELETE FROM targets WHERE id = ?", (number,))
            if items:
                self._lost.append((name, REMOVED, items))
        self.connection.execute(
            "DELETE FROM requests WHERE NOT EXISTS (SELECT 1 FROM owed WHERE request = requests.id)"
        )
