"""Connections to window.db, each set up for what it is for.

Writing commits with `synchronous=FULL` in WAL mode: OK means on disk. Checkpoints are never automatic, since
they would make one unlucky sender wait for them (store.window.tidying makes them). Durations of locks are
short everywhere, so the busy timeout only bridges an opening or a checkpoint.
"""

import sqlite3
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from domain.errors import ConfigError

WINDOW_NAME = "window.db"
MINIMUM_SQLITE = (3, 37, 0)
PAGE_BYTES = 4096
_BUSY_TIMEOUT_S = 5.0
_STATEMENTS = 256
_WRITER_CACHE_KIB = 8192
_READER_CACHE_KIB = 2048
_LOG_BYTES = 64 * 1024 * 1024
_LOG_SHARE = 8


class Log(NamedTuple):
    """The write-ahead log beside a window, and how long it may become before a commit has to wait for it."""

    path: Path
    most_bytes: int
    inode: int  # of the file it belongs to

    @property
    def size_bytes(self) -> int:
        """Its size now."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


def log_of(connection: sqlite3.Connection) -> Log:
    """The log of a writing connection's file; `most_bytes` leaves room for the file at its size limit."""
    pages = connection.execute("PRAGMA max_page_count").fetchone()[0]
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    most_bytes = min(_LOG_BYTES, pages * PAGE_BYTES // _LOG_SHARE)
    return Log(Path(f"{path}-wal"), most_bytes, Path(path).stat().st_ino)


def require_sqlite() -> None:
    """ConfigError when the SQLite that Python was linked with is too old for STRICT tables."""
    if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
        wanted = ".".join(map(str, MINIMUM_SQLITE))
        raise ConfigError(f"store: SQLite {sqlite3.sqlite_version} is too old; use a Python with {wanted} or later")


def connect_writer(path: Path) -> sqlite3.Connection:
    """A connection that creates the file if need be and commits durably; raises sqlite3.Error."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
    )
    try:
        for pragma in (
            f"page_size={PAGE_BYTES}",
            "auto_vacuum=INCREMENTAL",
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=0",
            "secure_delete=OFF",
            "temp_store=MEMORY",
            f"cache_size=-{_WRITER_CACHE_KIB}",
            f"journal_size_limit={_LOG_BYTES}",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if sys.platform == "darwin":
            connection.execute("PRAGMA fullfsync=ON")
            connection.execute("PRAGMA checkpoint_fullfsync=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that can change nothing; raises sqlite3.Error when there is no file."""
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=ro",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )
    try:
        for pragma in ("query_only=ON", "temp_store=MEMORY", f"cache_size=-{_READER_CACHE_KIB}", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
