"""Opening window.db: created, migrated, or, when it cannot be used, moved aside: the window is expendable."""

import shutil
import sqlite3
from functools import partial
from pathlib import Path

import structlog

from store.unusable import move_aside, open_or_move_aside
from store.window.connecting import PAGE_BYTES, WINDOW_NAME, connect_writer
from store.window.schema import APPLICATION_ID, VERSION, migrate
from telemetry.metrics import MOVED_ASIDE

_LOG = structlog.get_logger()
_TABLES = (
    "meta",
    "strings",
    "agents",
    "traces",
    "trace_agents",
    "spans",
    "containers",
    "blobs",
    "dropped",
    "logs",
    "live_buckets",
)
_DISK_SHARE = 0.75
_LEAST_PAGES = 256


def open_window(directory: Path, *, max_file_bytes: int) -> sqlite3.Connection:
    """The writing connection of a directory's window.db; RetryableError when the disk does not let it open."""
    return open_or_move_aside(
        directory / WINDOW_NAME,
        connect_writer,
        partial(_prepare, directory, max_file_bytes),
        application_id=APPLICATION_ID,
        version=VERSION,
        moved=_tell,
    )


def _prepare(directory: Path, max_file_bytes: int, connection: sqlite3.Connection) -> None:
    """Make the tables, look at both ends of each, and cap the file."""
    migrate(connection)
    for table in _TABLES:
        connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()
    connection.execute("SELECT max(id) FROM containers").fetchall()
    connection.execute("SELECT max(trace) FROM spans").fetchall()
    limit_size(connection, directory, max_file_bytes)


def move_window_aside(directory: Path, reason: str) -> None:
    """Make room for a new window.db."""
    _tell(move_aside(directory / WINDOW_NAME, reason), reason)


def _tell(kept_as: Path, reason: str) -> None:
    MOVED_ASIDE.labels(reason=reason).inc()
    _LOG.error("window_moved_aside", reason=reason, kept_as=str(kept_as))


def limit_size(connection: sqlite3.Connection, directory: Path, max_file_bytes: int) -> bool:
    """Cap the file in pages, below what the disk can hold now; whether it may grow more than before.

    A full disk would leave SQLite no room even to delete.
    """
    pages, before = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "max_page_count"))
    holdable = int((shutil.disk_usage(directory).free + pages * PAGE_BYTES) * _DISK_SHARE)
    wanted = max(min(max_file_bytes, holdable) // PAGE_BYTES, _LEAST_PAGES)
    return bool(connection.execute(f"PRAGMA max_page_count={wanted}").fetchone()[0] > before)
