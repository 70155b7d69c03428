"""What every part of the control store stands on: one connection, one transaction at a time, ids and the clock."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from domain.errors import PermanentError, RetryableError
from store.control.opening import connect_control
from store.window.transactions import transaction

LEAST_PREFIX = 4
_RETRY_AFTER_S = 1.0
_BEYOND_ANY_ID = "\U0010ffff"


class Database:
    """One connection to control.db, shared by the threads of a process, closed with its `with`.

    Any method of the store may raise RetryableError: the disk is full, or another process kept the file too long.
    """

    def __init__(self, directory: Path, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._connection = connect_control(directory)
        self._lock = threading.Lock()
        self._now = now
        self._new_id = new_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back, its log emptied if nobody else reads it now; what was committed stays."""
        with self._lock:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot."""
        with self._lock, _translating():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when it is left without an error."""
        with self._lock, _translating(), transaction(self._connection):
            yield self._connection

    def _time(self) -> str:
        return as_text(self._now())


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RetryableError(f"control.db cannot be used now: {error}", retry_after_s=_RETRY_AFTER_S) from error


def as_text(moment: datetime) -> str:
    """A time as it is kept: UTC with microseconds, of one length, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def as_time(text: str) -> datetime:
    """The time that `as_text` wrote."""
    return datetime.fromisoformat(text)


def find_one(connection: sqlite3.Connection, noun: str, id_prefix: str) -> sqlite3.Row | None:
    """The row of `<noun>s` with this id or unique prefix; PermanentError when it is too short or several match."""
    prefix = id_prefix.strip().lower()
    if len(prefix) < LEAST_PREFIX:
        raise PermanentError(f"{noun} id {id_prefix!r} is too short; give at least {LEAST_PREFIX} characters")
    found = connection.execute(
        f"SELECT * FROM {noun}s WHERE id >= ? AND id < ? ORDER BY id LIMIT 2", (prefix, prefix + _BEYOND_ANY_ID)
    ).fetchall()
    if len(found) > 1 and found[0]["id"] != prefix:
        raise PermanentError(f"several {noun}s have an id that starts with {id_prefix!r}; give more characters")
    return found[0] if found else None


def add_event(
    connection: sqlite3.Connection, run_id: str, kind: str, payload: Mapping[str, Any], created_at: str
) -> None:
    """Append to the timeline of a run, within the caller's transaction."""
    connection.execute(
        "INSERT INTO events SELECT ?, coalesce(max(sequence), 0) + 1, ?, ?, ? FROM events WHERE run_id = ?",
        (run_id, kind, created_at, json.dumps(payload, default=str), run_id),
    )
