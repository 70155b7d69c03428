"""A window made of files: the same tables and the same reader, without a server, a clock or an event loop.

Everything is complete the moment it is loaded, and nothing has to survive a crash, since the files are still there.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest
from domain.signals import LOGS, TRACES
from store.loading import Loaded
from store.window.connecting import WINDOW_NAME, connect_reader
from store.window.containers import Codec
from store.window.ingest import Ingest
from store.window.known_logs import KnownLogs
from store.window.log_planning import plan_logs
from store.window.logs import append_logs
from store.window.merging import Completeness, fold, next_to_fold
from store.window.opening import open_window
from store.window.packing import place, settle
from store.window.planning import plan
from store.window.reader import SqliteReader
from store.window.rolling import apply_rebuilt, rebuild_due
from store.window.schema import MAX_INT
from store.window.spans import CACHED_BYTES
from store.window.transactions import transaction

_COMPLETE = Completeness(0, 0)
_NOW_NS = MAX_INT // 2
_NO_LIMIT = 2**50


def save_completeness(connection: sqlite3.Connection, completeness: Completeness) -> None:
    """Tell readers, in whatever process, when a trace counts as complete."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
            [("quiet_ns", completeness.quiet_ns), ("idle_ns", completeness.idle_ns)],
        )


def load(requests: Iterable[bytes | Loaded], directory: Path, *, step_bytes: int, frame_bytes: int) -> SqliteReader:
    """Encoded requests, of traces unless they say otherwise, as a complete window in `directory`, made if need be.

    More than a reader keeps open is folded by trace, or reading one trace would open many batches. Of log requests
    the records that belong to spans are kept.
    PermanentError when a request is none of its signal; RetryableError when the disk is full.
    """
    directory.mkdir(parents=True, exist_ok=True)
    connection = open_window(directory, max_file_bytes=_NO_LIMIT)
    try:
        connection.execute("PRAGMA synchronous=OFF")
        save_completeness(connection, _COMPLETE)
        loaded = _append_all(connection, requests)
        reading = connect_reader(directory / WINDOW_NAME)
        try:
            _roll_up(connection, reading)
            if loaded > CACHED_BYTES:
                _fold(connection, reading, step_bytes, frame_bytes)
        finally:
            reading.close()
    finally:
        connection.close()
    return SqliteReader(directory, lambda: _NOW_NS)


def _append_all(connection: sqlite3.Connection, requests: Iterable[bytes | Loaded]) -> int:
    """How many bytes were appended."""
    codec = Codec()
    ingest, known_logs = Ingest(connection, codec), KnownLogs()
    size_bytes = 0
    for each in requests:
        signal, request = each if isinstance(each, Loaded) else (TRACES, each)
        if signal is LOGS:
            logs = plan_logs(request, ExportLogsServiceRequest.FromString(request))
            with transaction(connection):
                append_logs(connection, codec, known_logs, [logs], _NOW_NS)
            continue
        planned = plan(request, ExportTraceServiceRequest.FromString(request))
        with transaction(connection):
            ingest.append([planned], _NOW_NS)
        ingest.dictionary.committed()
        size_bytes += len(request)
    return size_bytes


def _roll_up(writing: sqlite3.Connection, reading: sqlite3.Connection) -> None:
    while rebuilt := rebuild_due(reading, _NOW_NS, force=True):
        with transaction(writing):
            apply_rebuilt(writing, rebuilt)


def _fold(writing: sqlite3.Connection, reading: sqlite3.Connection, step_bytes: int, frame_bytes: int) -> None:
    codec = Codec()
    while chosen := next_to_fold(reading, _COMPLETE.cuts(_NOW_NS), step_bytes):
        frames, settled = fold(reading, codec, chosen, frame_bytes=frame_bytes, step_bytes=step_bytes)
        with transaction(writing):
            settle(writing, settled)
            for frame in frames:
                place(writing, frame)
