"""One statement run to its answer, or to the limit that ends it; what is wrong with it is said in one line."""

import math
import sqlite3
from collections.abc import Callable, Mapping

from domain.claims import Scalar
from domain.errors import PermanentError
from domain.sql import SqlAnswer, SqlLimits
from store.unusable import primary_code
from store.window.sql_guard import allowed_functions
from store.window.sql_views import listed

_STEPS_BETWEEN_LOOKS = 20_000
_MESSAGE_CHARS = 300
_NUMBER_BYTES = 8
_ODD = frozenset((bytes, float))  # types of which JSON cannot have every value
_NARROWER = "filter, aggregate or join less"
_OF_TEMPORARY_FILES = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL)  # the window itself is open, and only read
_OF_THE_STATEMENT = (
    0,  # what Python's module refuses itself
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_RANGE,
)


def answered(
    connection: sqlite3.Connection,
    sql: str,
    args: Mapping[str, Scalar],
    limits: SqlLimits,
    clock: Callable[[], float],
) -> SqlAnswer:
    """The answer to a statement; PermanentError when it is at fault, sqlite3.Error when the window is."""
    end = clock() + limits.seconds
    connection.set_progress_handler(lambda: clock() > end, _STEPS_BETWEEN_LOOKS)
    columns: tuple[str, ...] = ()
    rows: list[tuple[Scalar, ...]] = []
    try:
        cursor = connection.execute(sql, dict(args))
        columns = tuple(name for name, *_ in cursor.description or ())
        cut = _read(cursor, rows, limits)
        cursor.close()
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
        code = primary_code(error)
        if code == sqlite3.SQLITE_INTERRUPT and rows:
            cut = f"stopped after {limits.seconds:g} s, more rows may follow; {_NARROWER}"
        elif code == sqlite3.SQLITE_INTERRUPT:
            raise PermanentError(f"sql: not done after {limits.seconds:g} s; {_NARROWER}") from error
        elif code in _OF_TEMPORARY_FILES:
            raise PermanentError(f"sql: there is no room for temporary files (TMPDIR); {_NARROWER}") from error
        elif code in _OF_THE_STATEMENT:
            raise PermanentError(f"sql: {_complaint(error)}") from error
        else:
            raise
    return SqlAnswer(columns, tuple(rows), cut)


def _read(cursor: sqlite3.Cursor, rows: list[tuple[Scalar, ...]], limits: SqlLimits) -> str:
    """Add rows up to the limits; why there are no more, or nothing when these are all."""
    size_bytes = 0
    for row in cursor:
        if len(rows) >= limits.rows:
            return f"only the first {limits.rows:,} rows; aggregate, or page with LIMIT and OFFSET"
        size_bytes += sum(map(_size_bytes, row))
        if size_bytes > limits.size_bytes:
            return f"only the first {len(rows):,} rows, {limits.size_bytes:,} bytes; take fewer or shorter columns"
        rows.append(row if _ODD.isdisjoint(map(type, row)) else tuple(map(_plain, row)))
    return ""


def _size_bytes(value: str | int | float | bytes | None) -> int:
    """What a value takes as text; of numbers what they take at most in an ordinary one."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    return 2 * len(value) if isinstance(value, bytes) else _NUMBER_BYTES


def _plain(value: str | int | float | bytes | None) -> Scalar:
    """A value as JSON can have it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _complaint(error: BaseException) -> str:
    """What SQLite says of a statement, and what to do about it."""
    if isinstance(error, MemoryError):  # what SQLite says when a prepared statement would be too long
        return "the statement is too long once its subqueries are put in; nest less"
    said = " ".join(str(error).split())[:_MESSAGE_CHARS]
    if "function" in said:
        return f"{said}; the functions are {allowed_functions()}"
    if "one statement" in said:
        return "one SELECT at a time; leave out what follows its semicolon"
    if any(hint in said for hint in ("no such", "prohibited", "ambiguous", "vtable")):
        return f"{said}; the views are {listed()}"
    if "not authorized" in said or "cannot modify" in said:
        return "only SELECT, or WITH … SELECT, is answered, over the views traces and spans"
    if "too big" in said or "too large" in said or "too many" in said:
        return f"{said}; make the statement, or what it puts together, smaller"
    return said
