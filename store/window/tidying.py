"""Keeping the file small and the log short, away from whoever waits for a commit.

A checkpoint from a connection of its own copies the log into the file while commits go on; only the little
that arrived meanwhile is copied by the writer, after which SQLite starts the log anew. When nothing arrives,
free pages are given back and the log is cut to nothing.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from store.window.connecting import WINDOW_NAME, Log, connect_writer
from store.window.writer import Writer

_LOG_BYTES = 16 * 1024 * 1024
_VACUUM_PAGES = 256
_SLACK_PAGES = 8


class Tidying:
    """Checkpoints and vacuums one window; used by one thread."""

    def __init__(self, directory: Path, writer: Writer) -> None:
        self._path = directory / WINDOW_NAME
        self._writer = writer

    @property
    def _log(self) -> Log:
        return self._writer.log

    @property
    def stored_bytes(self) -> int:
        """The size of the window and its log."""
        return self._path.stat().st_size + self._log.size_bytes

    def checkpoint(self) -> None:
        """Copy the log into the file when it has grown long."""
        if self._log.size_bytes <= min(_LOG_BYTES, self._log.most_bytes // 2):
            return
        self._on_own_connection("PRAGMA wal_checkpoint(PASSIVE)")
        self._writer.call(_pragma("wal_checkpoint(PASSIVE)"), transactional=False)

    def truncate(self) -> None:
        """Copy all of the log into the file and cut it to nothing; a reader in its midst puts that off."""
        if self._log.size_bytes:
            self._on_own_connection("PRAGMA wal_checkpoint(TRUNCATE)")

    def vacuum(self, connection: sqlite3.Connection) -> None:
        """Give free pages back, a few at a time; `connection` reads."""
        while (free := _free_pages(connection)) > _SLACK_PAGES:
            self._writer.call(_pragma(f"incremental_vacuum({_VACUUM_PAGES})"), transactional=False)
            self.checkpoint()
            if _free_pages(connection) >= free:
                return

    def _on_own_connection(self, pragma: str) -> None:
        connection = connect_writer(self._path)
        try:
            connection.execute("PRAGMA busy_timeout=0")
            connection.execute(pragma).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        finally:
            connection.close()


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _pragma(words: str) -> Callable[[sqlite3.Connection], None]:
    """A pragma run to its end: `execute` would stop an incremental vacuum after its first page."""

    def run(connection: sqlite3.Connection) -> None:
        connection.executescript(f"PRAGMA {words}")

    return run
