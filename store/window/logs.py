"""Log records in the window: kept by the trace they name, folded when that trace is, taken when it is.

A record may come before its span, after it, or without it. So records are not spans' rows but rows of their
own: one a trace and commit, compressed together, and once the trace is folded one a trace, compressed for good,
since later messages repeat earlier ones. Rows never change; folding deletes some and adds others in one
transaction, so a crash neither loses nor doubles a record. A record whose trace never comes is an orphan:
it stays unfolded and goes after a day, or sooner when room is wanted.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from domain.wire import Piece, join, split
from store.window.bulk import execute_rows
from store.window.containers import Codec
from store.window.known_logs import KnownLogs
from store.window.log_planning import LogPlan, split_keys
from store.window.packing import HALF_FULL

ORPHAN_AGE_NS = 86_400_000_000_000
STEP_TRACES = 200
_INSERT = "INSERT INTO logs (trace_id, folded, records, raw_bytes, stored_bytes, last_ns, keys, data)"
_ORPHANS = """
SELECT id, last_ns FROM logs WHERE NOT folded AND last_ns < ?
    AND NOT EXISTS (SELECT 1 FROM traces WHERE traces.trace_id = logs.trace_id) ORDER BY last_ns LIMIT ?
"""
_DUE = """
SELECT l.last_ns, l.trace_id FROM logs l JOIN traces t ON t.trace_id = l.trace_id
WHERE NOT l.folded AND l.last_ns <= ? AND (l.last_ns, l.trace_id) > (?, ?) AND NOT t.hot AND NOT t.dirty
ORDER BY l.last_ns, l.trace_id
"""
_FOLDABLE = """
SELECT id, raw_bytes, last_ns, keys FROM logs
WHERE trace_id = ? AND (NOT folded OR raw_bytes < ?) ORDER BY folded DESC, id
"""
_Row = tuple[bytes, int, int, int, int, int, bytes, bytes]
Cursor = tuple[int, bytes]
START: Cursor = (-1, b"")


class Kept(NamedTuple):
    """Records by what became of them."""

    new: int
    resent: int


class Fold(NamedTuple):
    """Rows of one trace, and the rows that take their place."""

    trace_id: bytes
    replaced: tuple[int, ...]
    rows: list[_Row]


def append_logs(
    connection: sqlite3.Connection, codec: Codec, known_logs: KnownLogs, plans: Iterable[LogPlan], now_ns: int
) -> Kept:
    """Keep what is new of these plans, in the caller's transaction; when that fails, `known_logs` has to forget."""
    by_trace: dict[bytes, dict[bytes, Piece]] = {}
    count = new = 0
    for row in chain.from_iterable(each.rows for each in plans):
        by_trace.setdefault(row.trace_id, {}).setdefault(row.key, row.piece)
        count += 1
    rows: list[_Row] = []
    for trace_id, records in by_trace.items():
        known = known_logs.keys(connection, trace_id)
        news = {key: piece for key, piece in records.items() if key not in known}
        known_logs.remember(trace_id, known, news)
        new += len(news)
        if news:
            rows.append(_row(trace_id, codec.compress_hot, list(news), list(news.values()), now_ns, folded=0))
    execute_rows(connection, _INSERT, rows)
    return Kept(new, count - new)


def _row(
    trace_id: bytes,
    compress: Callable[[bytes], bytes],
    keys: Sequence[bytes],
    pieces: Sequence[Piece],
    last_ns: int,
    folded: int,
) -> _Row:
    raw = join(pieces)
    data = compress(raw)
    return trace_id, folded, len(keys), len(raw), len(data), last_ns, b"".join(keys), data


def next_folds(
    connection: sqlite3.Connection, codec: Codec, cut_ns: int, after: Cursor, *, frame_bytes: int, step_bytes: int
) -> tuple[list[Fold], Cursor]:
    """Folds of traces that are folded themselves and had no record since a time, and where to go on; empty at the end.

    Of a trace that alone is bigger than a step as much as fits is taken; the rest follows in a later pass.
    """
    folds: dict[bytes, Fold] = {}
    room = step_bytes
    for last_ns, trace_id in connection.execute(_DUE, (cut_ns, *after)):
        after = (last_ns, trace_id)
        if trace_id not in folds:
            taken, fold = _fold(connection, codec, trace_id, frame_bytes, step_bytes)
            folds[trace_id] = fold
            room -= taken
        if room <= 0 or len(folds) >= STEP_TRACES:
            break
    return list(folds.values()), after


def _fold(
    connection: sqlite3.Connection, codec: Codec, trace_id: bytes, frame_bytes: int, step_bytes: int
) -> tuple[int, Fold]:
    """How many bytes were taken, and the fold that comes of them."""
    replaced: list[int] = []
    keys: list[bytes] = []
    pieces: list[Piece] = []
    size_bytes = newest_ns = 0
    for number, raw_bytes, last_ns, row_keys in connection.execute(_FOLDABLE, (trace_id, int(frame_bytes * HALF_FULL))):
        if replaced and size_bytes + raw_bytes > step_bytes:
            break
        replaced.append(number)
        size_bytes += raw_bytes
        newest_ns = max(newest_ns, last_ns)
        keys += split_keys(row_keys)
        data = connection.execute("SELECT data FROM logs WHERE id = ?", (number,)).fetchone()[0]
        pieces += split(codec.decompress(data))
    rows = [
        _row(trace_id, codec.compress_frame, keys[start:end], pieces[start:end], newest_ns, folded=1)
        for start, end in _stretches(pieces, frame_bytes)
    ]
    return size_bytes, Fold(trace_id, tuple(replaced), rows)


def _stretches(pieces: Sequence[Piece], frame_bytes: int) -> Iterator[tuple[int, int]]:
    start = size_bytes = 0
    for position, piece in enumerate(pieces):
        if position > start and size_bytes + len(piece.span) > frame_bytes:
            yield start, position
            start, size_bytes = position, 0
        size_bytes += len(piece.span)
    if pieces:
        yield start, len(pieces)


def place_folds(connection: sqlite3.Connection, folds: Iterable[Fold]) -> int:
    """Put folds in place, in the caller's transaction, where all they replace is still there; how many records."""
    placed = 0
    for fold in folds:
        numbers = json.dumps(fold.replaced)
        found = "SELECT count(*) FROM logs WHERE id IN (SELECT value FROM json_each(?))"
        if connection.execute(found, (numbers,)).fetchone()[0] != len(fold.replaced):
            continue
        connection.execute("DELETE FROM logs WHERE id IN (SELECT value FROM json_each(?))", (numbers,))
        execute_rows(connection, _INSERT, fold.rows)
        connection.execute(
            "UPDATE traces SET log_bytes = (SELECT coalesce(sum(stored_bytes), 0) FROM logs WHERE trace_id = ?)"
            " WHERE trace_id = ?",
            (fold.trace_id, fold.trace_id),
        )
        placed += sum(row[2] for row in fold.rows)
    return placed


def orphans(connection: sqlite3.Connection, before_ns: int, limit: int) -> list[tuple[int, int]]:
    """(row, arrival) of the oldest rows before a time whose trace is not there."""
    return connection.execute(_ORPHANS, (before_ns, limit)).fetchall()


def forget_rows(connection: sqlite3.Connection, numbers: Iterable[int]) -> int:
    """Delete rows, in the caller's transaction; how many records went."""
    listed = json.dumps(list(numbers))
    held = "SELECT coalesce(sum(records), 0) FROM logs WHERE id IN (SELECT value FROM json_each(?))"
    count = int(connection.execute(held, (listed,)).fetchone()[0])
    connection.execute("DELETE FROM logs WHERE id IN (SELECT value FROM json_each(?))", (listed,))
    return count


def forget_trace(connection: sqlite3.Connection, key: int) -> None:
    """Delete the records of a trace by its number, in the caller's transaction."""
    connection.execute("DELETE FROM logs WHERE trace_id = (SELECT trace_id FROM traces WHERE id = ?)", (key,))
