"""Files of the store that cannot be used: told apart, and moved out of the way.

A file that is corrupt, foreign or written by a newer version must not keep telemetry from being acknowledged, so it
makes room, is kept for whoever wants to look at it, and is counted.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from domain.errors import RetryableError

_CHECKED_WHOLE_BYTES = 32 * 1024 * 1024
_CORRUPT_CODES = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
Connect = Callable[[Path], sqlite3.Connection]
Prepare = Callable[[sqlite3.Connection], None]


class _UnusableError(Exception):
    """Why a file is moved aside: `newer` or `corrupt`."""


def primary_code(error: BaseException) -> int:
    """SQLite's primary result code of an error; 0 for one that SQLite did not raise."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_corruption(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is damaged."""
    return primary_code(error) in _CORRUPT_CODES


def open_or_move_aside(
    path: Path,
    connect: Connect,
    prepare: Prepare,
    *,
    application_id: int,
    version: int,
    moved: Callable[[Path, str], None],
) -> sqlite3.Connection:
    """A connection to a file, or to a new one in its place when it cannot be used; `moved` is told of the old one.

    `prepare` makes or migrates the tables and looks into each of them. RetryableError when the disk does not let it
    open.
    """

    def opened() -> sqlite3.Connection:
        return _open(path, connect, prepare, application_id, version)

    try:
        try:
            return opened()
        except _UnusableError as why:
            moved(move_aside(path, str(why)), str(why))
            return opened()
    except (OSError, sqlite3.Error) as error:
        raise RetryableError(f"store.directory: {path} cannot be opened: {error}") from error


def _open(path: Path, connect: Connect, prepare: Prepare, application_id: int, version: int) -> sqlite3.Connection:
    try:
        connection = connect(path)
    except sqlite3.DatabaseError as error:
        if is_corruption(error):
            raise _UnusableError("corrupt") from error
        raise
    try:
        _refuse_foreign(connection, application_id, version)
        prepare(connection)
        _refuse_damaged(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_corruption(error) or _lacks_a_table(error):
            raise _UnusableError("corrupt") from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_foreign(connection: sqlite3.Connection, application_id: int, version: int) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if found > version:
        raise _UnusableError("newer")
    if tables and owner != application_id:
        raise _UnusableError("corrupt")


def _refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    """A whole check only of a small file: of a big one it would take minutes."""
    if path.stat().st_size <= _CHECKED_WHOLE_BYTES:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise _UnusableError("corrupt")


def _lacks_a_table(error: sqlite3.DatabaseError) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "no such" in str(error)


def move_aside(path: Path, reason: str) -> Path:
    """Rename a file and its log out of the way as `<name>.<reason>-<n>`; returns the new path."""
    number = 1
    while (target := path.with_name(f"{path.name}.{reason}-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(target.with_name(target.name + suffix))
    return target
