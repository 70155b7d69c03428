"""Reading the traces of a window one after the other, for as long as a call may."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.spans import StoredTrace
from engine.querying.conditions import Where
from engine.querying.expressions import Limit, TooSlowError
from engine.querying.predicates import Predicate
from engine.querying.statements import rows_of
from engine.window import TraceWindow

_AT_ONCE, _MOST_SOUGHT = 256, 4_096
_WORTH = 0.75
"""Of the traces that are looked through, the share that may hold a text up to which it pays to look for it first."""


@dataclass(frozen=True)
class Scanned:
    """The positions of traces that fit, in order of arrival, of the first `read` of `of` traces."""

    positions: tuple[int, ...]
    read: int
    of: int

    @property
    def is_whole(self) -> bool:
        """Whether all were read."""
        return self.read == self.of


def traces_at(window: TraceWindow, ids: Mapping[int, str], limit: Limit) -> Iterator[tuple[int, StoredTrace]]:
    """Traces with their positions, `ids` being positions with trace ids, until the time is over."""
    positions = list(ids)
    at = {trace_id: position for position, trace_id in ids.items()}
    for start in range(0, len(positions), _AT_ONCE):
        for trace in window.reader.read(positions[start : start + _AT_ONCE]):
            if limit.is_over:
                return
            yield at[trace.summary.trace_id], trace


def traces_holding(
    window: TraceWindow, ids: Mapping[int, str], needle: bytes, limit: Limit
) -> Iterator[tuple[int, StoredTrace | None]]:
    """As `traces_at`, without most traces in which no span holds a text; what each trace says is still to be looked at.

    None stands for a trace that need not be looked at: with its position, all up to it are done.
    """
    positions, start, size, is_worth_it = list(ids), 0, _AT_ONCE, bool(needle)
    while start < len(positions) and not limit.is_over:
        asked = wanted = positions[start : start + size]
        if is_worth_it:
            held = window.reader.holding(needle, asked)
            wanted = [position for position in asked if position in held]
            is_worth_it = len(wanted) <= _WORTH * len(asked)
        yield from traces_at(window, {position: ids[position] for position in wanted}, limit)
        if limit.is_over:
            return
        yield asked[-1], None
        start, size = start + size, min(2 * size, _MOST_SOUGHT)


def candidates(window: TraceWindow, where: Where) -> dict[int, str]:
    """The positions of traces by a condition, in order of arrival, with their ids."""
    found = rows_of(window, f"SELECT position, trace_id FROM traces WHERE {where.sql} ORDER BY position", where.args)
    return {int(position or 0): str(trace_id) for position, trace_id in found}


def scan(window: TraceWindow, where: Where, fits: Predicate, limit: Limit) -> Scanned:
    """The traces of a condition that fit; what could not be read in time is told, not guessed."""
    ids = candidates(window, where)
    order = {position: number for number, position in enumerate(ids, 1)}
    found: list[int] = []
    read = 0
    try:
        for position, trace in traces_holding(window, ids, fits.needle, limit):
            if trace is not None and fits(trace.spans, limit):
                found.append(position)
            read = order[position]
    except TooSlowError:
        if not read:
            raise
    return Scanned(tuple(found), read, len(ids))
