"""Which traces filters mean: a condition on the index, and, where spans had to be read, the traces that were found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domain.claims import Scalar
from engine.querying.conditions import Where, condition_of
from engine.querying.expressions import Limit
from engine.querying.filters import TraceFilters
from engine.querying.memory import memory_of
from engine.querying.predicates import predicate_of
from engine.querying.scanning import Scanned, scan
from engine.querying.statements import integer, listed, rows_of
from engine.window import TraceWindow

Condition = tuple[str, dict[str, Scalar]]
_BYTES_A_POSITION, _BYTES_A_TOTAL = 40, 200


@dataclass(frozen=True)
class Meant:
    """The traces that filters mean; `scanned` where the index alone cannot say."""

    where: Where
    scanned: Scanned | None = None

    def conditions(self) -> Iterator[Condition]:
        """Conditions over `traces`, with arguments; each trace meets one of them."""
        if self.scanned is None:
            yield self.where.sql, self.where.args
        else:
            yield from ((condition, {}) for condition in listed(self.scanned.positions))

    def span_conditions(self) -> Iterator[Condition]:
        """The same over `spans`."""
        if self.scanned is not None or not self.where.parts:
            yield from self.conditions()
        else:
            yield f"position IN (SELECT position FROM traces WHERE {self.where.sql})", self.where.args

    @property
    def told(self) -> dict[str, Any]:
        """What an answer has to say where not every trace could be read: nothing, most of the time."""
        if self.scanned is None or self.scanned.is_whole:
            return {}
        step = "only the traces read so far are counted: narrow the filters that the index knows (times, models, tools)"
        return {"partial": {"read_traces": self.scanned.read, "of_traces": self.scanned.of, "next_step": step}}


def meant(window: TraceWindow, filters: TraceFilters, limit: Limit) -> Meant:
    """The traces that filters mean; ToolError when a filter is wrong or too slow."""
    where = condition_of(filters, window.reader)
    if not filters.reads_spans:
        return Meant(where)
    memory = memory_of(window)
    key = ("scanned", filters.model_dump_json(exclude_none=True))
    scanned: Scanned | None = memory.get(key)
    if scanned is None:
        scanned = scan(window, where, predicate_of(filters), limit)
        if scanned.is_whole:
            memory.put(key, scanned, _BYTES_A_POSITION * (len(scanned.positions) + 10))
    return Meant(where, scanned)


def positions_of(window: TraceWindow, traces: Meant) -> tuple[int, ...]:
    """Where they are, in order of arrival."""
    if traces.scanned is not None:
        return traces.scanned.positions
    condition, args = traces.where.sql, traces.where.args
    rows = rows_of(window, f"SELECT position FROM traces WHERE {condition} ORDER BY position", args)
    return tuple(integer(position) for (position,) in rows)


def total(window: TraceWindow, traces: Meant) -> int:
    """How many there are."""
    if traces.scanned is not None:
        return len(traces.scanned.positions)
    known: int | None = memory_of(window).get(_total_key(traces))
    if known is None:
        rows = rows_of(window, f"SELECT count(*) FROM traces WHERE {traces.where.sql}", traces.where.args)
        known = integer(rows[0][0])
        keep_total(window, traces, known)
    return known


def keep_total(window: TraceWindow, traces: Meant, known: int) -> None:
    """Remember how many there are."""
    memory_of(window).put(_total_key(traces), known, _BYTES_A_TOTAL)


def _total_key(traces: Meant) -> tuple[object, ...]:
    return "total", traces.where.sql, tuple(traces.where.args.values())
