"""Folding and compacting: what the background merge takes next.

Folding takes complete traces, oldest first, out of hot batches into frames of their agents, and out of frames
of another agent when a late span has changed the owner. Compacting rewrites frames that are small, so that
trickling traffic ends near the compression of big frames, and containers that are mostly dead. Small frames
are joined with others of their size class only, eight at a time, so a span is rewritten a few times in all.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from math import log
from typing import NamedTuple

from store.window.containers import Codec
from store.window.packing import HALF_FULL, Frame, Placed, Subject, fill, gather_pieces, make_frames

_TIER_FACTOR = 4
_LEAST_FILL = 1e-6
_TIER_FRAMES = 8
_SPARSE_HOT_AGE_NS = 60_000_000_000
_COMPLETE = """
SELECT id, last_ns, revision, agent, bytes FROM traces
WHERE hot AND NOT dirty AND last_ns <= ? AND (rooted OR last_ns <= ?) ORDER BY last_ns
"""


@dataclass(frozen=True, slots=True)
class Completeness:
    """When a trace counts as complete: its root has ended and `quiet_ns` passed, or `idle_ns` without a root."""

    quiet_ns: int
    idle_ns: int

    def cuts(self, now_ns: int) -> tuple[int, int]:
        """The last arrivals up to which a trace is complete: with an ended root, and without."""
        return now_ns - self.quiet_ns, now_ns - self.idle_ns


class _Stock(NamedTuple):
    """A container as compacting sees it."""

    number: int
    agent: int | None
    spans: int
    live: int
    raw_bytes: int
    oldest_ns: int

    @property
    def live_bytes(self) -> int:
        return self.raw_bytes * self.live // self.spans


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def next_to_fold(connection: sqlite3.Connection, cuts: tuple[int, int], step_bytes: int) -> list[tuple[int, Subject]]:
    """Complete unfolded traces with their owners, up to `step_bytes`."""
    chosen: list[tuple[int, Subject]] = []
    size_bytes = 0
    for key, last_ns, revision, agent, trace_bytes in connection.execute(_COMPLETE, cuts):
        chosen.append((agent, Subject(key, last_ns, revision)))
        size_bytes += trace_bytes
        if size_bytes >= step_bytes:
            break
    return chosen


def fold(
    connection: sqlite3.Connection,
    codec: Codec,
    chosen: Sequence[tuple[int, Subject]],
    *,
    frame_bytes: int,
    step_bytes: int,
) -> tuple[list[Frame], list[Subject]]:
    """Frames for the chosen traces, and those traces of which nothing has to move.

    Of a trace that alone is bigger than a step only as much as fits is taken; the rest follows in later steps.
    """
    with _snapshot(connection):
        owners: dict[int, int | None] = dict(connection.execute("SELECT id, agent FROM containers"))
        misplaced: dict[int, list[Placed]] = {}
        subjects: dict[int, Subject] = {}
        settled: list[Subject] = []
        room = 2 * step_bytes
        for agent, subject in chosen:
            spans = [each for each in _spans_of(connection, subject.key) if owners.get(each.container) != agent]
            taken = _up_to(spans, room)
            room -= sum(span.size_bytes for span in taken)
            misplaced.setdefault(agent, []).extend(taken)
            subjects[subject.key] = subject if len(taken) == len(spans) else subject._replace(revision=None)
            if not spans:
                settled.append(subject)
        pieces = gather_pieces(connection, codec, (span for spans in misplaced.values() for span in spans))
    return [
        frame
        for agent, spans in misplaced.items()
        for frame in make_frames(codec, agent, subjects, spans, pieces, frame_bytes)
    ], settled


def _up_to(spans: Sequence[Placed], room: int) -> Sequence[Placed]:
    if sum(span.size_bytes for span in spans) <= room:
        return spans
    taken: list[Placed] = []
    for span in sorted(spans, key=lambda each: (each.start_ns, each.span_id)):
        room -= span.size_bytes
        if taken and room < 0:
            break
        taken.append(span)
    return taken


def _spans_of(connection: sqlite3.Connection, key: int) -> Iterator[Placed]:
    wanted = "SELECT trace, span_id, container, ordinal, start_ns, size_bytes FROM spans WHERE trace = ?"
    return map(Placed._make, connection.execute(wanted, (key,)))


def next_to_compact(
    connection: sqlite3.Connection, now_ns: int, *, frame_bytes: int, step_bytes: int, force: bool
) -> list[int]:
    """Containers of one owner that are worth rewriting together; empty when none are."""
    rows = connection.execute(
        "SELECT id, agent, spans, live, raw_bytes, oldest_ns FROM containers ORDER BY agent, oldest_ns, id"
    )
    for agent, group in groupby(map(_Stock._make, rows), key=lambda stock: stock.agent):
        stocks = list(group)
        chosen = [stock for stock in stocks if 2 * stock.live < stock.spans]
        if agent is None:
            chosen = [stock for stock in chosen if force or stock.oldest_ns <= now_ns - _SPARSE_HOT_AGE_NS]
        elif not chosen:
            chosen = _small(stocks, frame_bytes, force)
        if chosen:
            return _within(chosen, step_bytes)
    return []


def _small(stocks: Iterable[_Stock], frame_bytes: int, force: bool) -> list[_Stock]:
    """Small frames of one size class, enough of them; with `force` of all classes, if there are two."""
    tiers: dict[int, list[_Stock]] = {}
    for stock in stocks:
        filled = fill(stock.live_bytes, stock.live, frame_bytes)
        if filled < HALF_FULL:
            tier = 0 if force else int(-log(max(filled, _LEAST_FILL), _TIER_FACTOR))
            tiers.setdefault(tier, []).append(stock)
    enough = 2 if force else _TIER_FRAMES
    return next((tier for tier in tiers.values() if len(tier) >= enough), [])


def _within(stocks: Sequence[_Stock], step_bytes: int) -> list[int]:
    """The first stocks, at least two if there are so many, up to `step_bytes` together."""
    chosen: list[int] = []
    size_bytes = 0
    for stock in stocks:
        if len(chosen) >= 2 and size_bytes + stock.live_bytes > step_bytes:
            break
        chosen.append(stock.number)
        size_bytes += stock.live_bytes
    return chosen


def compact(connection: sqlite3.Connection, codec: Codec, containers: Sequence[int], frame_bytes: int) -> list[Frame]:
    """Frames with all that is alive in some containers of one owner."""
    with _snapshot(connection):
        agent = None
        keys: set[int] = set()
        for container in containers:
            row = connection.execute("SELECT agent, traces FROM containers WHERE id = ?", (container,)).fetchone()
            if row is not None:
                agent = row[0]
                keys.update(json.loads(row[1]))
        wanted = set(containers)
        spans = [each for key in keys for each in _spans_of(connection, key) if each.container in wanted]
        subjects = {
            key: Subject(key, *connection.execute("SELECT last_ns FROM traces WHERE id = ?", (key,)).fetchone())
            for key in {span.trace for span in spans}
        }
        pieces = gather_pieces(connection, codec, spans)
    return list(make_frames(codec, agent, subjects, spans, pieces, frame_bytes))
