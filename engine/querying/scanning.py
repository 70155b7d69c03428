"""Reading the traces of a window one after the other, for as long as a call may."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.spans import StoredTrace
from engine.querying.conditions import Where
from engine.querying.expressions import Limit, TooSlowError
from engine.querying.predicates import Predicate
from engine.querying.statements import rows_of
from engine.window import TraceWindow

_AT_ONCE = 256


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
        for position, trace in traces_at(window, ids, limit):
            if fits(trace.spans, limit):
                found.append(position)
            read = order[position]
    except TooSlowError:
        if not read:
            raise
    return Scanned(tuple(found), read if limit.is_over else len(ids), len(ids))
