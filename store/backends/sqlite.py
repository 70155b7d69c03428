"""The SQLite backend: one directory, one writing process, any number of readers.

`window.db` takes what arrives. One thread writes it, another keeps it in order; readers, here and in other
processes, see consistent states of it and stop nobody.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import Field

from domain.component import ComponentConfig
from domain.following import Follower
from domain.quantities import Duration, Size
from store.base import Selection, WindowWriter
from store.filing.keeping import open_files
from store.loading import Loaded, LoadReport
from store.lock import DirectoryLock
from store.window import loading
from store.window.arrivals import Limits as CommitLimits
from store.window.connecting import require_sqlite
from store.window.following import Following
from store.window.maintenance import Maintenance, Upkeep
from store.window.merging import Completeness
from store.window.opening import limit_size, move_window_aside, open_window
from store.window.reader import SqliteReader
from store.window.reader import open_reader as open_directory
from store.window.retention import Limits
from store.window.room import make_room
from store.window.writer import Writer

KIB, MIB, GIB = 2**10, 2**20, 2**30
_FRAMES_PER_FILE = 16  # a frame is written before what it replaces is freed; in a tiny file it must be tiny too


class Retention(ComponentConfig):
    """How much of each agent is kept; the oldest goes first, never what a running analysis reads."""

    max_age: Duration = Field(default=timedelta(days=30), description="Traces older than this, by arrival, go.")
    max_bytes: Size = Field(default=2 * GIB, ge=1, description="Compressed bytes kept of one agent.")
    max_spans: int = Field(default=2_000_000, ge=1, description="Spans kept of one agent.")


class Traces(ComponentConfig):
    """When a trace counts as complete, so that runs look at it and it is folded."""

    quiet: Duration = Field(
        default=timedelta(seconds=10), description="How long after its last span a trace whose root has ended waits."
    )
    idle: Duration = Field(
        default=timedelta(minutes=5), description="How long after its last span a trace without an ended root waits."
    )


class Merge(ComponentConfig):
    """How complete traces are folded into frames of their agent."""

    interval: Duration = Field(default=timedelta(seconds=5), description="Time between two rounds of folding.")
    frame_bytes: Size = Field(
        default=4 * MIB, ge=64 * KIB, description="Bytes of a frame before compression: bigger is smaller and slower."
    )
    step_bytes: Size = Field(
        default=8 * MIB, ge=64 * KIB, description="Bytes, before compression, that one step holds in memory."
    )


class Commit(ComponentConfig):
    """How much one commit holds, and how much may wait for one."""

    max_bytes: Size = Field(default=4 * MIB, ge=1, description="Bytes of requests committed together.")
    max_spans: int = Field(default=4_096, ge=1, description="Spans committed together.")
    max_queued_bytes: Size = Field(
        default=256 * MIB, ge=1, description="Bytes of requests that may wait for a commit; more are told to retry."
    )


class Config(ComponentConfig):
    """Where spans are kept, how many, and how they are folded."""

    directory: Path = Field(default=Path("halo-data"), description="Where everything is kept; one process at a time.")
    retention: Retention = Field(default=Retention(), description="How much of each agent is kept.")
    max_file_bytes: Size = Field(
        default=4 * GIB,
        ge=MIB,
        description="Size limit of window.db; when it is reached, the oldest traces make room.",
    )
    traces: Traces = Field(default=Traces(), description="When a trace counts as complete.")
    merge: Merge = Field(default=Merge(), description="How complete traces are folded.")
    commit: Commit = Field(default=Commit(), description="How arrivals are grouped into commits.")


def create(
    config: Config,
    *,
    now_ns: Callable[[], int] = time.time_ns,
    protected: Callable[[], Sequence[Selection]] = tuple,
    background: bool = True,
    follower: Follower | None = None,
    keep_live: timedelta = timedelta(days=3),
) -> "SqliteStore":
    """A store over `config.directory`, open between `async with`.

    `now_ns` is the clock of arrival. `protected` tells, from any thread, which selections running analyses read;
    retention leaves those alone. Without `background`, upkeep happens only when `maintain` is called.
    `follower` is told of every span that lands; what it counts is kept for `keep_live`, at most for `max_age`.
    """
    following = Following(follower, _completeness(config), _ns(keep_live))
    return SqliteStore(config, now_ns=now_ns, protected=protected, background=background, following=following)


class SqliteStore:
    """The window of one directory; ConfigError on entering when another process holds that directory."""

    def __init__(
        self,
        config: Config,
        *,
        now_ns: Callable[[], int],
        protected: Callable[[], Sequence[Selection]],
        background: bool,
        following: Following,
    ) -> None:
        self._config = config
        self._now_ns = now_ns
        self._background = background
        self._completeness = _completeness(config)
        commit = config.commit
        self._writer = Writer(
            self._open,
            limits=CommitLimits(commit.max_bytes, commit.max_spans, commit.max_queued_bytes),
            now_ns=now_ns,
            make_room=self._make_room,
            following=following,
        )
        self._maintenance = Maintenance(
            config.directory, self._writer, self._upkeep(), now_ns=now_ns, protected=protected, following=following
        )
        self._reader = SqliteReader(config.directory, now_ns, self._writer.condemn)
        self._opened = ExitStack()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._opened.close)

    def _start(self) -> None:
        require_sqlite()
        with ExitStack() as opening:
            opening.enter_context(DirectoryLock(self._config.directory))
            opening.callback(self._reader.close)
            self._writer.start()
            opening.callback(self._writer.stop)
            opening.callback(self._maintenance.stop)
            if self._background:
                self._maintenance.start()
            self._opened = opening.pop_all()

    def _open(self, damaged: bool) -> sqlite3.Connection:
        if damaged:
            move_window_aside(self._config.directory, "corrupt")
        connection = open_window(self._config.directory, max_file_bytes=self._config.max_file_bytes)
        loading.save_completeness(connection, self._completeness)
        return connection

    def _make_room(self, connection: sqlite3.Connection) -> bool:
        limit = self._config.max_file_bytes
        if limit_size(connection, self._config.directory, limit):
            return True
        return make_room(connection, limit, lambda: self._maintenance.protected)

    def _upkeep(self) -> Upkeep:
        retention, merge = self._config.retention, self._config.merge
        return Upkeep(
            self._completeness,
            Limits(_ns(retention.max_age), retention.max_bytes, retention.max_spans),
            frame_bytes=min(merge.frame_bytes, self._config.max_file_bytes // _FRAMES_PER_FILE),
            step_bytes=merge.step_bytes,
            interval_s=merge.interval.total_seconds(),
            max_file_bytes=self._config.max_file_bytes,
        )

    @property
    def window(self) -> WindowWriter:
        """Where receivers put spans."""
        return self._writer

    def reader(self) -> SqliteReader:
        """The reading door; one for all threads, closed with the store."""
        return self._reader

    async def maintain(self, *, force: bool = False) -> None:
        """One pass of upkeep; with `force` nothing that could be done now is put off."""
        await asyncio.to_thread(self._maintenance.run_pass, force=force)

    async def fold(self) -> None:
        """Fold and compact everything complete, give free pages back, cut the log."""
        await self.maintain(force=True)


def open_reader(directory: Path, *, now_ns: Callable[[], int] = time.time_ns) -> SqliteReader:
    """The reading door of a directory that another process may be writing; ConfigError without a window in it."""
    require_sqlite()
    return open_directory(directory, now_ns)


def load_window(requests: Iterable[bytes | Loaded], directory: Path) -> SqliteReader:
    """Encoded requests, of traces unless they say otherwise, as a complete window in a (temporary) directory."""
    require_sqlite()
    merge = Merge()
    return loading.load(requests, directory, step_bytes=merge.step_bytes, frame_bytes=merge.frame_bytes)


@contextmanager
def load_files(
    paths: Sequence[Path], *, index_dir: Path | None = None, report: LoadReport | None = None
) -> Iterator[SqliteReader]:
    """The window of some trace files, read at once when it was made before and the files are still the same.

    It is kept below `index_dir`, else beside the first file as `<name>.halo-window/`, and grows with the files; where
    that cannot be written, and for pipes, in a temporary directory that goes at the end. `report` is told, each time,
    what the files hold and which lines cannot be used.
    PermanentError when a file cannot be read or nothing is found in all of them; RetryableError when the disk is full.
    """
    require_sqlite()
    merge, told = Merge(), LoadReport() if report is None else report
    with open_files(paths, index_dir, told, step_bytes=merge.step_bytes, frame_bytes=merge.frame_bytes) as reader:
        yield reader


def _completeness(config: Config) -> Completeness:
    return Completeness(_ns(config.traces.quiet), _ns(config.traces.idle))


def _ns(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1_000_000_000)
