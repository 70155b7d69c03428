"""A window made of files: the same tables and the same reader, without a server, a clock or an event loop.

Everything is complete the moment it is loaded, and nothing has to survive a crash, since the files are still there.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest
from domain.signals import LOGS, TRACES
from store.filing.batches import Batch
from store.loading import Loaded
from store.window.connecting import WINDOW_NAME, connect_reader
from store.window.containers import Codec
from store.window.ingest import Ingest
from store.window.known_logs import KnownLogs
from store.window.lines import LineWriter
from store.window.log_planning import plan_logs
from store.window.logs import append_logs
from store.window.merging import Completeness, fold, next_to_fold
from store.window.opening import open_window
from store.window.packing import place, settle
from store.window.planning import plan
from store.window.reader import SqliteReader
from store.window.rolling import apply_rebuilt, rebuild_inside
from store.window.schema import MAX_INT
from store.window.spans import CACHED_BYTES
from store.window.transactions import transaction

COMPLETE = Completeness(0, 0)
LOADED_NS = MAX_INT // 2
"""When what is in files arrives: at a time before which nothing else does."""
_NO_LIMIT = 2**50


def save_completeness(connection: sqlite3.Connection, completeness: Completeness) -> None:
    """Tell readers, in whatever process, when a trace counts as complete."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
            [("quiet_ns", completeness.quiet_ns), ("idle_ns", completeness.idle_ns)],
        )


def create_window(directory: Path) -> sqlite3.Connection:
    """The writing connection of a window for files in `directory`, made if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    connection = open_window(directory, max_file_bytes=_NO_LIMIT)
    connection.execute("PRAGMA synchronous=OFF")
    save_completeness(connection, COMPLETE)
    return connection


def open_loaded(directory: Path) -> SqliteReader:
    """The reading door of a window made of files."""
    return SqliteReader(directory, lambda: LOADED_NS)


def load(requests: Iterable[bytes | Loaded], directory: Path, *, step_bytes: int, frame_bytes: int) -> SqliteReader:
    """Encoded requests, of traces unless they say otherwise, as a complete window in `directory`, made if need be.

    More than a reader keeps open is folded by trace, or reading one trace would open many batches. Of log requests
    the records that belong to spans are kept.
    PermanentError when a request is none of its signal; RetryableError when the disk is full.
    """
    connection = create_window(directory)
    try:
        filling = Filling(connection)
        for each in requests:
            with transaction(connection):
                filling.add(each)
            filling.committed()
        with transaction(connection):
            filling.roll_up()
        if filling.size_bytes > CACHED_BYTES:
            fold_all(connection, directory, step_bytes, frame_bytes)
    finally:
        connection.close()
    return open_loaded(directory)


class Filling:
    """Puts what files hold into a window; the caller owns the transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.size_bytes = 0
        self._connection = connection
        self._codec = Codec()
        self._ingest = Ingest(connection, self._codec)
        self._known_logs = KnownLogs()
        self._lines = LineWriter(connection, self._ingest.dictionary, LOADED_NS)

    def add(self, each: bytes | Loaded) -> None:
        """A request, of traces unless it says otherwise."""
        signal, request = each if isinstance(each, Loaded) else (TRACES, each)
        if signal is LOGS:
            logs = plan_logs(request, ExportLogsServiceRequest.FromString(request))
            append_logs(self._connection, self._codec, self._known_logs, [logs], LOADED_NS)
            return
        planned = plan(request, ExportTraceServiceRequest.FromString(request))
        self._ingest.append([planned], LOADED_NS)
        self.size_bytes += len(request)

    def add_lines(self, path: str, batch: Batch) -> bool:
        """The rows of a batch of lines; False, and nothing added, when a span of it is there already."""
        return self._lines.append(path, batch)

    def committed(self) -> None:
        """What was added is there to stay."""
        self._ingest.dictionary.committed()

    def roll_up(self) -> None:
        """Bring the sums of all traces that changed up to date."""
        while rebuilt := rebuild_inside(self._connection, LOADED_NS, force=True):
            apply_rebuilt(self._connection, rebuilt)


def fold_all(writing: sqlite3.Connection, directory: Path, step_bytes: int, frame_bytes: int) -> None:
    """Fold every trace into frames of its agent."""
    codec = Codec()
    reading = connect_reader(directory / WINDOW_NAME)
    try:
        while chosen := next_to_fold(reading, COMPLETE.cuts(LOADED_NS), step_bytes):
            frames, settled = fold(reading, codec, chosen, frame_bytes=frame_bytes, step_bytes=step_bytes)
            with transaction(writing):
                settle(writing, settled)
                for frame in frames:
                    place(writing, frame)
    finally:
        reading.close()
