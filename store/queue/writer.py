"""The one thread that writes forward.db: does what has been asked for in one transaction, commits, then tells.

As with the window, OK means on disk, and checkpoints happen after the senders were told. When nothing has been
asked for a while, the file gives back the room that a backlog had taken.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from domain.errors import HaloError, RetryableError
from store.queue.books import Books
from store.unusable import is_corruption, primary_code
from store.window.connecting import log_of
from store.window.transactions import RETRY_AFTER_S, transaction

MAX_WAITING_BYTES = 256 * 1024 * 1024
_COMMIT_BYTES = 16 * 1024 * 1024
_LOG_BYTES = 8 * 1024 * 1024
_IDLE_S = 1.0
_STEP_S = 0.02
_VACUUM_PAGES = 256
_SLACK_PAGES = 64
_LOG = structlog.get_logger()
Work = Callable[[Books], object]


class _Order(NamedTuple):
    work: Work
    size_bytes: int
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[object]"
    then: Callable[[], None]


class QueueWriter:
    """Owns the writing connection between `start` and `stop`.

    `opened` opens the file and its books; it is given the former books when their file proved corrupt and has to be
    moved aside. `may_grow` is asked when the file has reached its size limit.
    """

    def __init__(
        self, opened: Callable[[Books | None], Books], *, may_grow: Callable[[sqlite3.Connection], bool]
    ) -> None:
        self._opened = opened
        self._may_grow = may_grow
        self._orders: deque[_Order] = deque()
        self._wake = threading.Condition()
        self._waiting_bytes = 0
        self._is_running = False
        self._is_damaged = False
        self._is_tidy = True
        self._idle_s = _IDLE_S
        self._thread = threading.Thread(target=self._run, name="halo-queue-writer", daemon=True)

    def start(self) -> None:
        """Open the file and begin; raises what opening raises."""
        self._open(None)
        self._is_running = True
        self._thread.start()

    def stop(self) -> None:
        """Do all that was asked for, then close."""
        with self._wake:
            self._is_running = False
            self._wake.notify()
        self._thread.join()
        self.books.connection.close()

    async def do(self, work: Work, size_bytes: int = 0, then: Callable[[], None] = lambda: None) -> object:
        """The result of some work, after its commit; RetryableError when it could not be done.

        `then` is called on the event loop after the commit, even when whoever waits for the result has gone.
        """
        loop = asyncio.get_running_loop()
        order = _Order(work, size_bytes, loop, loop.create_future(), then)
        with self._wake:
            if not self._is_running:
                raise RetryableError("the forward queue is not running", retry_after_s=RETRY_AFTER_S)
            if size_bytes and self._waiting_bytes + size_bytes > MAX_WAITING_BYTES:
                raise RetryableError("too many bytes wait to be queued", retry_after_s=1.0)
            self._waiting_bytes += size_bytes
            self._orders.append(order)
            self._wake.notify()
        return await order.future

    def condemn(self) -> None:
        """A reader found the file damaged: the next work moves it aside."""
        self._is_damaged = True

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._is_running and not self._orders:
                    if not self._wake.wait(None if self._is_tidy else self._idle_s):
                        break
                if not self._orders and not self._is_running:
                    return
            if self._orders:
                self._do_waiting()
            else:
                self._tidy()

    def _do_waiting(self) -> None:
        group: list[_Order] = []
        size_bytes = 0
        while self._orders and size_bytes <= _COMMIT_BYTES:
            group.append(self._orders.popleft())
            size_bytes += group[-1].size_bytes
        results = self._done(group)
        with self._wake:
            self._waiting_bytes -= size_bytes
        _tell(results)
        self._is_tidy, self._idle_s = False, _IDLE_S
        self._bound_log()

    def _done(self, group: list[_Order]) -> list[tuple[_Order, object]]:
        """Each order's result; when a commit fails for a reason that is not the disk's, each by itself."""
        try:
            return list(zip(group, self._commit([order.work for order in group]), strict=True))
        except Exception as error:
            if len(group) > 1 and not isinstance(error, sqlite3.OperationalError):
                return [result for one in group for result in self._done([one])]
            _LOG.warning("forward_queue_failed", requests=len(group), error=str(error))
            return [(order, _translated(error)) for order in group]

    def _commit(self, works: list[Work]) -> list[object]:
        """The results of some work, done once more when it failed for a reason that could be repaired."""
        try:
            return self._commit_once(works)
        except sqlite3.DatabaseError as error:
            if not self._repaired_after(error):
                raise
        return self._commit_once(works)

    def _commit_once(self, works: list[Work]) -> list[object]:
        if self._is_damaged:
            self._reopen()
        books = self.books
        books.begin()
        try:
            with transaction(books.connection):
                results = [work(books) for work in works]
        except BaseException:
            books.rolled_back()
            raise
        books.committed()
        return results

    def _repaired_after(self, error: sqlite3.DatabaseError) -> bool:
        if is_corruption(error):
            self._is_damaged = True
            return True
        if primary_code(error) != sqlite3.SQLITE_FULL:
            return False
        copied = self._copy_log("PASSIVE")
        try:
            return self._may_grow(self.books.connection) or copied
        except (OSError, sqlite3.Error):
            return copied

    def _reopen(self) -> None:
        self.books.connection.close()
        self._open(self.books)
        self._is_damaged = False

    def _open(self, former: Books | None) -> None:
        self.books = self._opened(former)
        self._log = log_of(self.books.connection)

    def _bound_log(self) -> None:
        if self._log.size_bytes > min(_LOG_BYTES, self._log.most_bytes):
            self._copy_log("PASSIVE")

    def _copy_log(self, how: str) -> bool:
        """Copy the log into the file, so that it starts anew; False when that was not possible as a whole."""
        try:
            _, logged, copied = self.books.connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        except sqlite3.Error:
            return False
        return bool(0 < logged == copied)

    def _tidy(self) -> None:
        """One step of giving room back; `_is_tidy` when there is none left to give."""
        connection = self.books.connection
        try:
            free = connection.execute("PRAGMA freelist_count").fetchone()[0]
            if free > _SLACK_PAGES:
                connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
                self._bound_log()
                self._is_tidy = connection.execute("PRAGMA freelist_count").fetchone()[0] >= free
                self._idle_s = _STEP_S
                return
        except sqlite3.Error as error:
            _LOG.warning("forward_queue_tidying_failed", error=str(error))
        self._copy_log("TRUNCATE")
        self._is_tidy = True


def _translated(error: Exception) -> HaloError:
    if isinstance(error, HaloError):
        return error
    return RetryableError(f"the forward queue cannot be written now: {error}", retry_after_s=RETRY_AFTER_S)


def _tell(results: list[tuple[_Order, object]]) -> None:
    """Hand everyone who waits the result, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Order, object]]] = {}
    for result in results:
        by_loop.setdefault(result[0].loop, []).append(result)
    for loop, of_loop in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, of_loop)


def _settle(results: list[tuple[_Order, object]]) -> None:
    for order, result in results:
        if not isinstance(result, BaseException):
            order.then()
        if order.future.done():
            continue
        if isinstance(result, BaseException):
            order.future.set_exception(result)
        else:
            order.future.set_result(result)
