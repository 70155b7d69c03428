"""The upkeep of a window, on one background thread: roll up, evict, fold, compact, tidy, measure.

Every step is bounded and lets arrivals go first: the thinking happens on a reading connection, each change is
one short transaction of the writer, and while spans arrive a step is followed by a pause a few times as long.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import structlog

from domain.errors import RetryableError
from store.base import Selection
from store.window.agents import forget_agents
from store.window.connecting import WINDOW_NAME
from store.window.containers import Codec
from store.window.eviction import forget_dropped
from store.window.following import Following
from store.window.logs import START, Cursor, next_folds, place_folds
from store.window.merging import Completeness, compact, fold, next_to_compact, next_to_fold
from store.window.opening import limit_size
from store.window.packing import Frame, place, settle
from store.window.pool import Pool
from store.window.retention import Limits, Retention, refresh_oldest
from store.window.rolling import apply_rebuilt, rebuild_due
from store.window.room import evict_batch, needs_room, used_share
from store.window.tidying import Tidying
from store.window.unused import collect_unused
from store.window.writer import Writer
from telemetry.metrics import HOT_BYTES, MERGED_SPANS, WINDOW_BYTES, WINDOW_SPANS

_LOG = structlog.get_logger()
_T = TypeVar("_T")
_TICK_S = 0.5
_IDLE_S = 2.0
_PAUSE_FACTOR = 6.0
_BRISK_FACTOR = 1.0  # for what may not fall behind: rolling up, and folding when much waits to be folded
_MUCH_SHARE = 4
_UNUSED_AFTER_SPANS = 100_000
_RECENT_LOGS_NS = 900_000_000_000
_ALL_LOGS_S = 300.0


class Upkeep(NamedTuple):
    """What upkeep aims at."""

    completeness: Completeness
    limits: Limits
    frame_bytes: int
    step_bytes: int
    interval_s: float
    max_file_bytes: int


class Maintenance:
    """Runs by itself between `start` and `stop`, or pass by pass with `run_pass`."""

    def __init__(
        self,
        directory: Path,
        writer: Writer,
        upkeep: Upkeep,
        *,
        now_ns: Callable[[], int],
        protected: Callable[[], Sequence[Selection]],
        following: Following,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._upkeep = upkeep
        self._now_ns = now_ns
        self._read_protected = protected
        self._following = following
        self.protected: Sequence[Selection] = ()
        self._pool = Pool(directory / WINDOW_NAME, writer.condemn)
        self._tidying = Tidying(directory, writer)
        self._codec = Codec()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="halo-window-upkeep", daemon=True)
        self._folded_at_s = -upkeep.interval_s
        self._all_logs_at_s = -_ALL_LOGS_S
        self._evicted_spans = 0

    def start(self) -> None:
        """Begin the background passes."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            self._pool.close()

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_S):
            try:
                self.run_pass()
            except Exception as error:
                if not self._stopping.is_set():
                    _LOG.warning("upkeep_failed", error=str(error))

    def run_pass(self, *, force: bool = False) -> None:
        """One pass; with `force` nothing that could be done now is put off."""
        with self._lock, self._pool.connection() as (_, connection):
            self._pass(connection, force)

    def _pass(self, connection: sqlite3.Connection, force: bool) -> None:
        self._follow(force)
        self._roll_up(connection, force)
        now_s = time.monotonic()
        if force or now_s - self._folded_at_s >= self._upkeep.interval_s:
            self._folded_at_s = now_s
            self._evict(connection, force)
            self._fold(connection, force)
            self._compact(connection, force)
            self._fold_logs(connection, force)
            self._collect_unused(connection, force)
        self._tidy(connection, force)
        self._measure(connection)

    def _roll_up(self, connection: sqlite3.Connection, force: bool) -> None:
        now_ns = self._now_ns()  # what becomes due meanwhile is for the next time, or this would never end
        while not self._stopping.is_set():
            began = time.thread_time()
            rebuilt = rebuild_due(connection, now_ns, force=force)
            if not rebuilt:
                return
            self._writer.call(partial(apply_rebuilt, rebuilt=rebuilt))
            self._yield(began, force, _BRISK_FACTOR)

    def _evict(self, connection: sqlite3.Connection, force: bool) -> None:
        now_ns = self._now_ns()
        retention = Retention(connection, self._upkeep.limits, self._protected_now)
        making_room = False
        while not self._stopping.is_set():
            began = time.thread_time()
            batch = retention.next_batch(now_ns)
            if batch.is_empty:
                making_room = needs_room(self._read_share(), already_evicting=making_room)
                batch = retention.oldest() if making_room else batch
            if batch.is_empty:
                break
            _LOG.debug("eviction_started", reason=batch.reason, traces=batch.keys[:10])
            spans = self._writer.call(partial(evict_batch, batch=batch))
            _LOG.debug("eviction_committed", reason=batch.reason, spans=spans)
            if not spans:
                break
            self._evicted_spans += spans
            self._yield(began, force)
        cutoff_ns = now_ns - self._upkeep.limits.max_age_ns
        if connection.execute(
            "SELECT 1 FROM containers WHERE agent NOT NULL AND oldest_ns < ?", (cutoff_ns,)
        ).fetchone():
            self._writer.call(lambda writing: refresh_oldest(writing, cutoff_ns))
        if self._evicted_spans:
            self._writer.call(forget_agents)
        max_age_ns = self._upkeep.limits.max_age_ns
        self._writer.call(lambda writing: self._following.forget(writing, now_ns, max_age_ns), transactional=False)

    def _follow(self, force: bool) -> None:
        now_ns = self._now_ns()
        with suppress(RetryableError):  # a full disk must not keep this pass from making room; saved at the next
            self._writer.call(
                lambda writing: self._following.keep_up(writing, now_ns, force=force), transactional=False
            )

    def _protected_now(self) -> Sequence[Selection]:
        self.protected = self._read_protected()
        return self.protected

    def _read_share(self) -> float:
        return self._writer.call(lambda writing: used_share(writing, self._upkeep.max_file_bytes), transactional=False)

    def _fold(self, connection: sqlite3.Connection, force: bool) -> None:
        upkeep = self._upkeep
        cuts = upkeep.completeness.cuts(self._now_ns())  # once: folding what completes meanwhile would make crumbs
        while not self._stopping.is_set():
            began = time.thread_time()
            chosen = next_to_fold(connection, cuts, upkeep.step_bytes)
            if not chosen:
                return
            _LOG.debug("merge_started", traces=[subject.key for _, subject in chosen[:10]])
            frames, settled = fold(
                connection, self._codec, chosen, frame_bytes=upkeep.frame_bytes, step_bytes=upkeep.step_bytes
            )
            if settled:
                self._writer.call(partial(settle, traces=settled))
            MERGED_SPANS.inc(sum(self._place(frame) for frame in frames))
            is_much = self._measure(connection) * _MUCH_SHARE > self._upkeep.max_file_bytes
            self._yield(began, force, _BRISK_FACTOR if is_much else _PAUSE_FACTOR)
            self._roll_up(connection, force)

    def _place(self, frame: Frame) -> int:
        moved = self._writer.call(lambda writing: place(writing, frame))
        _LOG.debug("merge_committed", agent=frame.agent, traces=[t.key for t in frame.traces[:10]], spans=moved)
        return moved

    def _compact(self, connection: sqlite3.Connection, force: bool) -> None:
        upkeep = self._upkeep
        while not self._stopping.is_set():
            began = time.thread_time()
            containers = next_to_compact(
                connection,
                self._now_ns(),
                frame_bytes=upkeep.frame_bytes,
                step_bytes=upkeep.step_bytes,
                force=force,
            )
            if not containers:
                return
            _LOG.debug("merge_started", containers=containers[:10])
            frames = compact(connection, self._codec, containers, upkeep.frame_bytes)
            if not sum(self._place(frame) for frame in frames):
                return
            self._yield(began, force)

    def _fold_logs(self, connection: sqlite3.Connection, force: bool) -> None:
        upkeep = self._upkeep
        cut_ns, _ = upkeep.completeness.cuts(self._now_ns())
        after = self._log_cursor(force)
        while not self._stopping.is_set():
            began = time.thread_time()
            folds, after = next_folds(
                connection, self._codec, cut_ns, after, frame_bytes=upkeep.frame_bytes, step_bytes=upkeep.step_bytes
            )
            if not folds:
                return
            self._writer.call(partial(place_folds, folds=folds))
            self._yield(began, force)

    def _log_cursor(self, force: bool) -> Cursor:
        """Where folding log records begins: mostly at those that came lately, for old ones are orphans, maybe many."""
        now_s = time.monotonic()
        if force or now_s - self._all_logs_at_s >= _ALL_LOGS_S:
            self._all_logs_at_s = now_s
            return START
        return self._now_ns() - _RECENT_LOGS_NS, b""

    def _collect_unused(self, connection: sqlite3.Connection, force: bool) -> None:
        if self._evicted_spans >= (1 if force else _UNUSED_AFTER_SPANS):
            self._evicted_spans = 0
            collect_unused(connection, self._writer)
            self._writer.call(lambda writing: forget_dropped(writing, self._now_ns()))

    def _tidy(self, connection: sqlite3.Connection, force: bool) -> None:
        limit = self._upkeep.max_file_bytes
        self._writer.call(lambda writing: limit_size(writing, self._directory, limit), transactional=False)
        if force or time.monotonic() - self._writer.last_commit_s >= _IDLE_S:
            self._tidying.vacuum(connection)
            self._tidying.truncate()
        else:
            self._tidying.checkpoint()

    def _measure(self, connection: sqlite3.Connection) -> int:
        """Set the gauges; the bytes that wait to be folded."""
        hot = "SELECT coalesce(sum(stored_bytes), 0) FROM containers WHERE agent IS NULL"
        hot_bytes = int(connection.execute(hot).fetchone()[0])
        HOT_BYTES.set(hot_bytes)
        WINDOW_SPANS.set(connection.execute("SELECT coalesce(sum(spans), 0) FROM agents").fetchone()[0])
        WINDOW_BYTES.set(self._tidying.stored_bytes)
        return hot_bytes

    def _yield(self, began: float, force: bool, factor: float = _PAUSE_FACTOR) -> None:
        """Leave processor and disk to arrivals for a while, if there are any; `began` is this thread's own time."""
        self._tidying.checkpoint()
        busy = self._writer.waiting or time.monotonic() - self._writer.last_commit_s < _TICK_S
        if busy and not force:
            self._stopping.wait((time.thread_time() - began) * factor)
