"""Reading connections to one window.db for several threads.

A connection belongs to the file it was opened on; when that has been moved aside and a new one stands in its
place, connections to the old one are closed at their next use.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import RetryableError
from store.unusable import is_corruption
from store.window.connecting import connect_reader

_MAX_IDLE = 4


class Pool:
    """Lends connections; `close` when done. `on_damage` is told the number of a file that proved damaged."""

    def __init__(self, path: Path, on_damage: Callable[[int], None] | None = None) -> None:
        self._path = path
        self._on_damage = on_damage
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[tuple[int, sqlite3.Connection]]:
        """A connection and a number that stands for its file; RetryableError when it cannot be read now."""
        try:
            file = self._path.stat().st_ino
            connection = self._take(file) or connect_reader(self._path)
        except (OSError, sqlite3.Error) as error:
            raise RetryableError(f"the window cannot be read now: {self._path}: {error}") from error
        try:
            yield file, connection
        except sqlite3.Error as error:
            connection.close()
            if self._on_damage is not None and is_corruption(error):
                self._on_damage(file)
            raise RetryableError(f"the window cannot be read now: {self._path}: {error}") from error
        finally:
            self._give_back(file, connection)

    @contextmanager
    def snapshot(self) -> Iterator[tuple[int, sqlite3.Connection]]:
        """As `connection`, seeing one state of the window throughout; keep it short, since it holds the log."""
        with self.connection() as (file, connection):
            connection.execute("BEGIN")
            yield file, connection

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _take(self, file: int) -> sqlite3.Connection | None:
        with self._lock:
            while self._idle:
                opened_on, connection = self._idle.pop()
                if opened_on == file:
                    return connection
                connection.close()
        return None

    def _give_back(self, file: int, connection: sqlite3.Connection) -> None:
        try:
            connection.rollback()
        except sqlite3.Error:
            connection.close()
            return
        with self._lock:
            if not self._closed and len(self._idle) < _MAX_IDLE:
                self._idle.append((file, connection))
                return
        connection.close()
