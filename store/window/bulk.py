"""Many rows in one statement.

Python gives the interpreter lock away at every step of a statement and has to win it back, against whichever
thread is busy, up to five milliseconds later. `executemany` steps once a row; under load a batch of a few
hundred rows would take a second. A statement with many rows steps once.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

_MOST_ROWS = 256


@lru_cache(maxsize=64)
def _statement(before: str, width: int, rows: int, after: str) -> str:
    row = f"({', '.join('?' * width)})"
    return f"{before} VALUES {', '.join([row] * rows)} {after}"


def _stretches(length: int) -> Iterator[tuple[int, int]]:
    """(start, end) of stretches whose lengths are powers of two, so that few statements serve all."""
    start = 0
    while start < length:
        end = start + min(_MOST_ROWS, 1 << ((length - start).bit_length() - 1))
        yield start, end
        start = end


def execute_rows(connection: sqlite3.Connection, before: str, rows: Sequence[Sequence[object]], after: str = "") -> int:
    """Run `before VALUES (…), (…) after` over all rows; how many rows it changed."""
    before_all = connection.total_changes
    for start, end in _stretches(len(rows)):
        statement = _statement(before, len(rows[start]), end - start, after)
        connection.execute(statement, tuple(chain.from_iterable(rows[start:end])))
    return connection.total_changes - before_all


def look_up(connection: sqlite3.Connection, select: str, keys: Sequence[object]) -> Iterator[list[int | str]]:
    """Rows of `select` (one JSON array as its only column) for all keys, which stand in `(VALUES …)` at its end."""
    for start, end in _stretches(len(keys)):
        statement = f"SELECT json_group_array(json(found)) FROM ({_statement(select + ' (', 1, end - start, ')')})"
        yield from json.loads(connection.execute(statement, keys[start:end]).fetchone()[0])
