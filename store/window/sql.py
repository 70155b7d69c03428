"""Answering SQL statements over a selection: bounded in time, rows and bytes, on connections kept for the next one."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from domain.claims import Scalar
from domain.contents import TraceContents
from domain.errors import PermanentError, RetryableError
from domain.sql import SqlAnswer, SqlLimits
from store.base import Selection
from store.unusable import is_corruption
from store.window.sql_answering import answered
from store.window.sql_connection import SqlConnection
from store.window.sql_shape import check_shape

_MAX_IDLE = 4


class SqlReader:
    """The SQL of a window; thread-safe. `on_damage` is told the number of a file that proved damaged."""

    def __init__(self, path: Path, now_ns: Callable[[], int], on_damage: Callable[[int], None] | None = None) -> None:
        self._path = path
        self._now_ns = now_ns
        self._on_damage = on_damage
        self._idle: list[SqlConnection] = []
        self._lock = threading.Lock()
        self._closed = False

    def query(self, sql: str, args: Mapping[str, Scalar], selection: Selection, limits: SqlLimits) -> SqlAnswer:
        """As `store.base.WindowReader.query`."""
        check_shape(sql)
        with self._asked(selection) as lent, lent.ready(self._now_ns()) as connection:
            return answered(connection, sql, args, limits, time.monotonic)

    def contents(self, positions: Sequence[int], selection: Selection) -> list[TraceContents]:
        """As `store.base.WindowReader.contents`."""
        with self._asked(selection) as lent:
            return lent.contents(positions, self._now_ns(), time.monotonic)

    @contextmanager
    def _asked(self, selection: Selection) -> Iterator[SqlConnection]:
        """A connection for a selection; what goes wrong on it in words for whoever asked."""
        file = 0
        try:
            with self._lent(selection) as lent:
                file = lent.file
                yield lent
        except PermanentError as error:
            raise PermanentError(lent.names.without(str(error))) from None
        except (OSError, sqlite3.Error) as error:
            if self._on_damage is not None and is_corruption(error):
                self._on_damage(file)
            raise RetryableError(f"the window cannot be read now: {self._path}: {error}") from error

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    @contextmanager
    def _lent(self, selection: Selection) -> Iterator[SqlConnection]:
        """A connection for a selection, kept for the next statement unless something failed."""
        lent = self._take(selection) or SqlConnection(self._path, selection)
        try:
            yield lent
        except PermanentError:
            self._give_back(lent)
            raise
        except BaseException:
            lent.close()
            raise
        self._give_back(lent)

    def _take(self, selection: Selection) -> SqlConnection | None:
        file = self._path.stat().st_ino
        with self._lock:
            for each in reversed(self._idle):
                if each.selection == selection and each.file == file:
                    self._idle.remove(each)
                    return each
        return None

    def _give_back(self, lent: SqlConnection) -> None:
        """Keep it in place of the one that has not been used for longest."""
        with self._lock:
            if self._closed:
                oldest = lent
            else:
                self._idle.append(lent)
                if len(self._idle) <= _MAX_IDLE:
                    return
                oldest = self._idle.pop(0)
        oldest.close()
