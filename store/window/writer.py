"""The one thread that writes window.db: groups what has arrived, commits it, then tells the senders.

Requests are planned where they arrive, so that the next is planned while this thread waits for the disk.
Arrivals go first. Between two commits of theirs, at most one piece of maintenance runs, so neither starves;
pieces are short, because a sender may be waiting behind one.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar, cast

import structlog

from domain.errors import RetryableError
from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest
from store.base import Appended
from store.unusable import is_corruption, primary_code
from store.window.arrivals import Arrival, Limits, Result, appended, tell
from store.window.connecting import log_of
from store.window.containers import Codec
from store.window.following import Following
from store.window.ingest import Ingest, Outcome
from store.window.known_logs import KnownLogs
from store.window.log_planning import LogPlan, plan_logs
from store.window.logs import Kept, append_logs
from store.window.planning import Plan, plan
from store.window.transactions import RETRY_AFTER_S, transaction, translated
from telemetry.metrics import COMMIT_SECONDS, COMMITS, DROPPED_ITEMS, STORED_LOG_RECORDS, STORED_SPANS

_LOG = structlog.get_logger()
_T = TypeVar("_T")


class _Task(NamedTuple):
    work: Callable[[sqlite3.Connection], object]
    future: "Future[object]"


class Writer:
    """Owns the writing connection between `start` and `stop`.

    `opened` opens it; it is asked again, with True, when the file proves corrupt and has to be moved aside.
    `make_room` evicts when the file has reached its size limit, and says whether it could.
    """

    def __init__(
        self,
        opened: Callable[[bool], sqlite3.Connection],
        *,
        limits: Limits,
        now_ns: Callable[[], int],
        make_room: Callable[[sqlite3.Connection], bool],
        following: Following,
    ) -> None:
        self._opened = opened
        self._limits = limits
        self._now_ns = now_ns
        self._make_room = make_room
        self._following = following
        self._codec = Codec()
        self._arrivals: deque[Arrival] = deque()
        self._tasks: deque[_Task] = deque()
        self._wake = threading.Condition()
        self._queued_bytes = 0
        self._running = False
        self._thread = threading.Thread(target=self._run, name="halo-window-writer", daemon=True)
        self.last_commit_s = 0.0  # time.monotonic()

    def start(self) -> None:
        """Open the window and begin; raises what opening raises."""
        self._open(damaged=False)
        self._following.restore(self._connection, self._now_ns())
        self._running = True
        self._thread.start()

    def stop(self) -> None:
        """Commit all that is queued, then close."""
        with self._wake:
            self._running = False
            self._wake.notify()
        self._thread.join()
        with suppress(sqlite3.Error):  # what is not saved is told again at the next start
            self._following.keep_up(self._connection, self._now_ns(), force=True)
        self._connection.close()

    @property
    def waiting(self) -> int:
        """Requests that wait for a commit."""
        return len(self._arrivals)

    async def append(self, request: bytes, message: ExportTraceServiceRequest) -> Appended:
        """As `store.base.WindowWriter.append`."""
        return await self._commit_of(lambda: plan(request, message, self._following.digesting), len(request))

    async def append_logs(self, request: bytes, message: ExportLogsServiceRequest) -> Appended:
        """As `store.base.WindowWriter.append_logs`."""
        planned: list[LogPlan] = []

        def plan_once() -> LogPlan:
            planned.append(plan_logs(request, message))
            return planned[0]

        result = await self._commit_of(plan_once, len(request))
        for reason, count in planned[0].dropped.items():
            DROPPED_ITEMS.labels("logs", reason).inc(count)
        return result

    async def _commit_of(self, make_plan: Callable[[], Plan | LogPlan], size_bytes: int) -> Appended:
        """What becomes of a request of a size, once it is planned and committed."""
        queued_s = time.perf_counter()
        if self._queued_bytes and self._queued_bytes + size_bytes > self._limits.queued_bytes:
            raise RetryableError("too many bytes wait to be stored", retry_after_s=1.0)
        try:
            planned = make_plan()
        except Exception as error:
            raise translated(error) from error
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Appended] = loop.create_future()
        with self._wake:
            self._refuse_unless_running()
            self._queued_bytes += len(planned.raw)
            self._arrivals.append(Arrival(planned, loop, future, queued_s))
            self._wake.notify()
        return await future

    def _refuse_unless_running(self) -> None:
        if not self._running:
            raise RetryableError("the store is not running", retry_after_s=RETRY_AFTER_S)

    def call(self, work: Callable[[sqlite3.Connection], _T], *, transactional: bool = True) -> _T:
        """Run `work` on the writing thread and wait for it, in a transaction of its own unless told otherwise."""
        future: Future[Any] = Future()

        def run(connection: sqlite3.Connection) -> _T:
            if not transactional:
                return work(connection)
            with transaction(connection):
                return work(connection)

        with self._wake:
            self._refuse_unless_running()
            self._tasks.append(_Task(run, future))
            self._wake.notify()
        try:
            return cast(_T, future.result())
        except sqlite3.Error as error:
            raise translated(error) from error

    def condemn(self, file: int) -> None:
        """A reader found the file with this inode damaged: move it aside soon, if it is still the one in use."""

        def replace(connection: sqlite3.Connection) -> None:
            if self.log.inode == file:
                connection.close()
                self._is_open = False
                self._ensure_open()

        with self._wake:
            self._tasks.append(_Task(replace, Future()))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._running and not self._arrivals and not self._tasks:
                    self._wake.wait()
                if not self._arrivals and not self._tasks:
                    return
                task = self._tasks.popleft() if self._tasks else None
            if self._arrivals:
                self._commit_arrivals()
            if task is not None:
                self._run_task(task)

    def _run_task(self, task: _Task) -> None:
        try:
            task.future.set_result(self._repaired(lambda: task.work(self._connection)))
        except BaseException as error:
            task.future.set_exception(error)

    def _commit_arrivals(self) -> None:
        first_queued_s = self._arrivals[0].queued_s
        group: list[Arrival] = []
        size_bytes = spans = 0
        while self._arrivals and (not group or self._fits(size_bytes, spans)):
            arrival = self._arrivals.popleft()
            size_bytes += len(arrival.plan.raw)
            spans += len(arrival.plan.rows)
            group.append(arrival)
        results = self._commit(group)
        with self._wake:
            self._queued_bytes -= size_bytes
        COMMIT_SECONDS.observe(time.perf_counter() - first_queued_s)
        tell(results)
        self._following.take()
        self._bound_log()

    def _fits(self, size_bytes: int, spans: int) -> bool:
        following = self._arrivals[0].plan
        return (
            size_bytes + len(following.raw) <= self._limits.commit_bytes
            and spans + len(following.rows) <= self._limits.commit_spans
        )

    def _commit(self, group: list[Arrival]) -> list[tuple[Arrival, Result]]:
        """Commit a group; when that fails for a reason that is not the disk's, each request by itself."""
        try:
            self._write([arrival.plan for arrival in group])
        except Exception as error:
            if len(group) > 1 and not isinstance(error, sqlite3.OperationalError):
                return [result for one in group for result in self._commit([one])]
            _LOG.warning("append_failed", requests=len(group), error=str(error))
            return [(arrival, translated(error)) for arrival in group]
        return [(arrival, appended(arrival.plan)) for arrival in group]

    def _repaired(self, work: Callable[[], _T]) -> _T:
        """The result of some work, done once more when it failed for a reason that could be repaired."""
        try:
            self._ensure_open()
            return work()
        except sqlite3.DatabaseError as error:
            if not self._after_failure(error):
                raise
        self._ensure_open()
        return work()

    def _write(self, plans: Sequence[Plan | LogPlan]) -> None:
        if any(each.rows for each in plans):
            self._repaired(lambda: self._write_once(plans))

    def _write_once(self, plans: Sequence[Plan | LogPlan]) -> None:
        now_ns = self._now_ns()
        spans = [each for each in plans if isinstance(each, Plan)]
        logs = [each for each in plans if isinstance(each, LogPlan)]
        try:
            with transaction(self._connection):
                ingested = self.ingest.append(spans, now_ns)
                kept = (
                    append_logs(self._connection, self._codec, self._known_logs, logs, now_ns) if logs else Kept(0, 0)
                )
                self._following.save(self._connection, now_ns)
        except BaseException:
            self.ingest.dictionary.rolled_back()
            self._known_logs.forget()
            raise
        self.ingest.dictionary.committed()
        self._following.committed(spans, ingested.kept, now_ns)
        self.last_commit_s = time.monotonic()
        COMMITS.inc()
        for name, count in zip(Outcome._fields, ingested.outcome, strict=True):
            if count:
                STORED_SPANS.labels(outcome=name).inc(count)
        for name, count in zip(kept._fields, kept, strict=True):
            if count:
                STORED_LOG_RECORDS.labels(outcome=name).inc(count)

    def _ensure_open(self) -> None:
        """Open again after corruption, moving the damaged file aside; tried again at the next write if it fails."""
        if not self._is_open:
            self._open(damaged=True)

    def _open(self, *, damaged: bool) -> None:
        self._connection = self._opened(damaged)
        self.ingest = Ingest(self._connection, self._codec)
        self._known_logs = KnownLogs()
        self.log = log_of(self._connection)
        self._is_open = True

    def _bound_log(self) -> None:
        """Checkpoint here when the upkeep is too slow: a log that fills the disk could never be copied out of it."""
        if self.log.size_bytes > self.log.most_bytes:
            self._copied_log()

    def _copied_log(self) -> bool:
        """Copy the log into the file, so that it starts anew; False when that was not possible as a whole."""
        try:
            _, logged, copied = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            return False
        return bool(0 < logged == copied)

    def _after_failure(self, error: BaseException) -> bool:
        """Repair what can be repaired; whether trying again makes sense."""
        if is_corruption(error):
            self._connection.close()
            self._is_open = False
            return True
        if primary_code(error) != sqlite3.SQLITE_FULL:
            return False
        copied = self._copied_log()
        try:
            return self._make_room(self._connection) or copied
        except sqlite3.Error:
            return copied
