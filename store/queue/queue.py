"""The forward queue of one data directory, on SQLite."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import zstandard

from domain.errors import RetryableError
from store.forwarding import Backlog, Bound, Queued, Tally
from store.queue.accounts import Account
from store.queue.books import Books, Stored
from store.queue.opening import QUEUE_NAME, move_queue_aside, open_queue_file
from store.queue.writer import QueueWriter
from store.unusable import is_corruption
from store.window.connecting import connect_reader, require_sqlite
from store.window.opening import limit_size
from store.window.transactions import RETRY_AFTER_S, transaction
from telemetry.seldom import Seldom

LEVEL = 1  # a sender waits for it
_FILE_SHARE = 1.25  # of what is owed: pages that are not full, and what is freed while more arrives
_FILE_SLACK_BYTES = 64 * 1024 * 1024
_TAKE = (
    "SELECT r.id, r.signal, r.items, r.queued_ns, r.raw_bytes, r.data FROM owed AS o"
    " JOIN requests AS r ON r.id = o.request WHERE o.target = ? AND o.request > ? ORDER BY o.request LIMIT ?"
)


class _DamagedError(Exception):
    """A reader found the file damaged."""


def is_left_behind(directory: Path) -> bool:
    """Whether a directory has a queue from an earlier start."""
    return (directory / QUEUE_NAME).exists()


class SqliteForwardQueue:
    """A `store.forwarding.ForwardQueue` in `<directory>/forward.db`, open between `async with`.

    `bounds` has every target by its id; what the file owes to others is dropped. `now_ns` is the clock of arrival.
    """

    def __init__(
        self,
        directory: Path,
        bounds: Mapping[str, Bound],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._bounds = dict(bounds)
        self._now_ns = now_ns
        self._seldom = Seldom(monotonic_s)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._arrivals = {target: asyncio.Event() for target in bounds}
        self._writer = QueueWriter(self._open, may_grow=self._may_grow)

    async def __aenter__(self) -> Self:
        require_sqlite()
        await asyncio.to_thread(self._writer.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._writer.stop)

    async def put(self, signal: str, request: bytes, items: int, targets: Sequence[str]) -> None:
        """As `ForwardQueue.put`; the request is compressed on the writing thread."""
        queued_ns = self._now_ns()

        def work(books: Books) -> None:
            books.put(self._stored(signal, request, items, queued_ns), targets)

        await self._writer.do(work, len(request), lambda: self._announce(targets))

    async def take(self, target: str, *, after: int = 0, max_requests: int, max_bytes: int) -> list[Queued]:
        """As `ForwardQueue.take`, on a connection of its own that keeps no writer waiting."""
        now_ns = self._now_ns()
        account = self._account(target)
        if account.is_overdue(now_ns):
            await self._writer.do(lambda books: books.expire(target, now_ns))
            account = self._account(target)
        if not account.requests:
            return []
        try:
            return await asyncio.to_thread(self._read, account.target, after, max_requests, max_bytes)
        except _DamagedError as error:
            self._writer.condemn()
            await self._writer.do(lambda books: None)
            raise RetryableError(f"the forward queue cannot be read: {error}", retry_after_s=RETRY_AFTER_S) from error

    async def settle(self, target: str, ids: Sequence[int], *, rejected: int = 0) -> int:
        """As `ForwardQueue.settle`."""
        return cast(int, await self._writer.do(lambda books: books.settle(target, ids, rejected)))

    async def drop(self, target: str, ids: Sequence[int], reason: str) -> int:
        """As `ForwardQueue.drop`."""
        return cast(int, await self._writer.do(lambda books: books.drop(target, ids, reason)))

    async def replace(self, target: str, queued: Queued, parts: Sequence[Queued]) -> None:
        """As `ForwardQueue.replace`."""

        def work(books: Books) -> None:
            stored = (self._stored(queued.signal, part.request, part.items, queued.queued_ns) for part in parts)
            books.replace(target, queued.id, stored)

        await self._writer.do(work, len(queued.request), lambda: self._announce([target]))

    def backlog(self, target: str) -> Backlog:
        """As `ForwardQueue.backlog`."""
        return self._account(target).backlog

    def tally(self, target: str) -> Tally:
        """As `ForwardQueue.tally`."""
        return self._account(target).tally

    def arrivals(self, target: str) -> asyncio.Event:
        """As `ForwardQueue.arrivals`."""
        return self._arrivals[target]

    def _account(self, target: str) -> Account:
        return self._writer.books.accounts[target]

    def _announce(self, targets: Sequence[str]) -> None:
        for target in targets:
            self._arrivals[target].set()

    def _stored(self, signal: str, request: bytes, items: int, queued_ns: int) -> Stored:
        return Stored(signal, items, len(request), queued_ns, self._compressor.compress(request))

    def _read(self, number: int, after: int, max_requests: int, max_bytes: int) -> list[Queued]:
        """RetryableError when the file cannot be read now, `_DamagedError` when it never can."""
        decompressor = zstandard.ZstdDecompressor()
        taken: list[Queued] = []
        try:
            connection = connect_reader(self._directory / QUEUE_NAME)
            try:
                for row in connection.execute(_TAKE, (number, after, max_requests)):
                    request, signal, items, queued_ns, raw_bytes, data = row
                    max_bytes -= raw_bytes
                    if taken and max_bytes < 0:
                        break
                    taken.append(Queued(request, signal, decompressor.decompress(data), items, queued_ns))
            finally:
                connection.close()
        except zstandard.ZstdError as error:
            raise _DamagedError(str(error)) from error
        except sqlite3.Error as error:
            if is_corruption(error):
                raise _DamagedError(str(error)) from error
            raise RetryableError(f"the forward queue cannot be read: {error}", retry_after_s=RETRY_AFTER_S) from error
        return taken

    def _open(self, former: Books | None) -> Books:
        if former is not None:
            move_queue_aside(self._directory, "corrupt")
        connection = open_queue_file(self._directory, max_file_bytes=self._max_file_bytes)
        try:
            with transaction(connection):
                books = Books(connection, self._bounds, self._seldom)
                if former is not None:
                    books.continue_after(former)
        except sqlite3.Error as error:
            connection.close()
            raise RetryableError(f"store.directory: {QUEUE_NAME} cannot be written: {error}") from error
        except BaseException:
            connection.close()
            raise
        books.committed()
        return books

    def _may_grow(self, connection: sqlite3.Connection) -> bool:
        return limit_size(connection, self._directory, self._max_file_bytes)

    @property
    def _max_file_bytes(self) -> int:
        return int(sum(bound.max_bytes for bound in self._bounds.values()) * _FILE_SHARE) + _FILE_SLACK_BYTES
