"""Facts as rows of plain cells (text, integer, none), as an evidence bundle keeps them, and back.

A row is one span with the values of its trace repeated, so that a row explains itself. Tuples are canonical
JSON text, truth values 0 and 1. Reading gives back exactly the window that was written.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from analysis.facts import FactWindow, RequestedCall, SpanFact, TraceFacts, Verdict
from analysis.packing import kept
from domain.errors import PermanentError
from domain.spans import SpanKind, SpanStatus

Cell = str | int | float | None

_TRACE_COLUMNS = ("agent_uuid", "trace_agent", "trace_service", "complete")
_SPAN_COLUMNS = tuple(field.name for field in fields(SpanFact))
_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_TUPLES = frozenset(("requested", "declared_tools", "plan_tools", "answered_calls", "verdicts", "phrases"))


def _tuple(cell: Any) -> tuple[Any, ...] | None:
    return None if cell is None else tuple(json.loads(cell))


def _requested(cell: Any) -> tuple[RequestedCall, ...]:
    return tuple(RequestedCall(*call) for call in json.loads(cell))


def _verdicts(cell: Any) -> tuple[Verdict, ...]:
    return tuple(Verdict(*verdict) for verdict in json.loads(cell))


def _truth(cell: Any) -> bool | None:
    return None if cell is None else bool(cell)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "kind": SpanKind,
    "status": SpanStatus,
    "leaf_error": bool,
    "leaf_llm": bool,
    "parent_missing": bool,
    "requested": _requested,
    "declared_tools": _tuple,
    "plan_tools": _tuple,
    "answered_calls": _tuple,
    "verdicts": _verdicts,
    "phrases": _tuple,
    "builds_on_previous": _truth,
    "prints_prose": bool,
}
_CELLS = attrgetter(*_SPAN_COLUMNS)
_COLUMNS = _TRACE_COLUMNS + _SPAN_COLUMNS
_WHOLE = (
    "complete",
    "kind",
    "status",
    "leaf_error",
    "leaf_llm",
    "parent_missing",
    "builds_on_previous",
    "prints_prose",
)
_WHOLE_PLACES = tuple(map(_COLUMNS.index, _WHOLE))
_TUPLE_PLACES = tuple(map(_COLUMNS.index, sorted(_TUPLES)))


def fact_columns() -> tuple[str, ...]:
    """The names of a row's cells."""
    return _COLUMNS


def fact_row(trace: TraceFacts, span: SpanFact) -> tuple[Cell, ...]:
    """One span of a trace as cells, in the order of `fact_columns`."""
    cells = [trace.agent_uuid, trace.agent, trace.service, trace.complete, *_CELLS(span)]
    for at in _WHOLE_PLACES:
        if cells[at] is not None:
            cells[at] = int(cells[at])
    for at in _TUPLE_PLACES:
        value = cells[at]
        if value is not None:
            cells[at] = _ENCODE(value) if value else "[]"
    return tuple(cells)


def fact_rows(window: FactWindow) -> Iterator[tuple[Cell, ...]]:
    """Every span of a window as a row."""
    for trace in window.traces:
        for span in trace.spans:
            yield fact_row(trace, span)


def facts_from_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> FactWindow:
    """The window that rows came from; columns may stand in any order, and others beside them are ignored.

    PermanentError when a column is missing or a cell is not what its column says.
    """
    places = {name: at for at, name in enumerate(columns)}
    absent = [name for name in fact_columns() if name not in places]
    if absent:
        raise PermanentError(f"the fact rows lack the columns {', '.join(absent)}; they are of another version")
    trace_places = [places[name] for name in _TRACE_COLUMNS]
    span_places = [(places[name], _READERS.get(name)) for name in _SPAN_COLUMNS]
    traces: dict[str, tuple[list[Any], list[SpanFact]]] = {}
    try:
        for row in rows:
            span = SpanFact(*(row[at] if read is None else read(row[at]) for at, read in span_places))
            traces.setdefault(span.trace_id, ([row[at] for at in trace_places], []))[1].append(span)
    except (ValueError, TypeError, IndexError) as error:
        raise PermanentError(f"the fact rows are damaged: {type(error).__name__}") from error
    read = (
        TraceFacts(trace_id, uuid, agent, service, bool(complete), tuple(spans))
        for trace_id, ((uuid, agent, service, complete), spans) in traces.items()
    )
    return FactWindow.of(kept(read))
