"""Opening window.db: created, migrated, or, when it cannot be used, moved aside.

The window is the expendable part of the data directory. A file that is corrupt, foreign or written by a newer
version must not keep spans from being received, so it makes room, is kept for whoever wants to look at it,
and is counted.
"""

import shutil
import sqlite3
from pathlib import Path

import structlog

from domain.errors import RetryableError
from store.window.connecting import PAGE_BYTES, WINDOW_NAME, connect_writer
from store.window.schema import APPLICATION_ID, VERSION, migrate
from telemetry.metrics import MOVED_ASIDE

_LOG = structlog.get_logger()
_TABLES = ("meta", "strings", "agents", "traces", "trace_agents", "spans", "containers", "blobs", "dropped")
_CHECKED_WHOLE_BYTES = 32 * 1024 * 1024
_DISK_SHARE = 0.75
_LEAST_PAGES = 256
_CORRUPT_CODES = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))


class _UnusableError(Exception):
    """Why a file is moved aside: `newer` or `corrupt`."""


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code of an error; 0 for one that SQLite did not raise."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_corruption(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is damaged."""
    return primary_code(error) in _CORRUPT_CODES


def open_window(directory: Path, *, max_file_bytes: int) -> sqlite3.Connection:
    """The writing connection of a directory's window.db; RetryableError when the disk does not let it open."""
    path = directory / WINDOW_NAME
    try:
        try:
            connection = _open(path)
        except _UnusableError as why:
            move_aside(path, str(why))
            connection = _open(path)
        limit_size(connection, directory, max_file_bytes)
    except sqlite3.Error as error:
        raise RetryableError(f"store.directory: {path} cannot be opened: {error}") from error
    return connection


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = connect_writer(path)
    except sqlite3.DatabaseError as error:
        if is_corruption(error):
            raise _UnusableError("corrupt") from error
        raise
    try:
        _refuse_unusable(connection)
        migrate(connection)
        _look_into(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_corruption(error) or _lacks_a_table(error):
            raise _UnusableError("corrupt") from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _lacks_a_table(error: sqlite3.DatabaseError) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "no such" in str(error)


def _refuse_unusable(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if version > VERSION:
        raise _UnusableError("newer")
    if tables and owner != APPLICATION_ID:
        raise _UnusableError("corrupt")


def _look_into(connection: sqlite3.Connection, path: Path) -> None:
    """Both ends of every table, and everything of a small file: a whole check of a big one would take minutes."""
    for table in _TABLES:
        connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()
    connection.execute("SELECT max(id) FROM containers").fetchall()
    connection.execute("SELECT max(trace) FROM spans").fetchall()
    if path.stat().st_size <= _CHECKED_WHOLE_BYTES:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise _UnusableError("corrupt")


def move_aside(path: Path, reason: str) -> None:
    """Rename the file and its log out of the way as `window.db.<reason>-<n>`."""
    number = 1
    while (target := path.with_name(f"{path.name}.{reason}-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(target.with_name(target.name + suffix))
    MOVED_ASIDE.labels(reason=reason).inc()
    _LOG.error("window_moved_aside", reason=reason, kept_as=str(target))


def limit_size(connection: sqlite3.Connection, directory: Path, max_file_bytes: int) -> bool:
    """Cap the file in pages, below what the disk can hold now; whether it may grow more than before.

    A full disk would leave SQLite no room even to delete.
    """
    pages, before = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "max_page_count"))
    holdable = int((shutil.disk_usage(directory).free + pages * PAGE_BYTES) * _DISK_SHARE)
    wanted = max(min(max_file_bytes, holdable) // PAGE_BYTES, _LEAST_PAGES)
    return bool(connection.execute(f"PRAGMA max_page_count={wanted}").fetchone()[0] > before)
