"""Searching the spans of many traces: by what the index knows, and by what they say, as far as the time allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from domain.halo_lines import time_text
from domain.spans import StoredSpan, StoredTrace
from engine.querying.bounding import cut
from engine.querying.conditions import Where
from engine.querying.expressions import Limit, Sought, TooSlowError
from engine.querying.finding import shown_ids
from engine.querying.matching import MATCH_CHARS, Found, made
from engine.querying.memory import Answered
from engine.querying.predicates import has_bytes
from engine.querying.scanning import traces_holding
from engine.querying.selecting import Meant
from engine.querying.statements import Row, integer, listed, rows_of
from engine.window import TraceWindow

SpanSort = Literal["arrival", "start", "duration", "tokens", "bytes"]
_BY: Mapping[str, str] = {
    "arrival": "position",
    "start": "start_ns",
    "duration": "duration_ms",
    "tokens": "coalesce(input_tokens, 0) + coalesce(output_tokens, 0)",
    "bytes": "size_bytes",
}
_KEYS = (
    *("trace_id", "span_id", "parent_span_id", "span_name", "kind", "status", "service", "agent", "model", "tool"),
    *("error", "duration_ms", "input_tokens", "output_tokens", "raw_jsonl_bytes", "start_time"),
)
_COLUMNS = (
    "trace_id, span_id, parent_id, name, kind, status, service, agent, model, tool, error, duration_ms, input_tokens,"
    " output_tokens, size_bytes, start_ns"
)


@dataclass
class Searched:
    """What has been found so far, and of how many traces."""

    found: Found
    of: int
    read: int = 0
    traces: frozenset[str] = frozenset()
    spans: frozenset[tuple[str, str]] = frozenset()
    order: dict[int, int] = field(default_factory=dict)

    def note(self, trace: StoredTrace, before: int) -> None:
        """Remember the ids of what a trace added to the records."""
        new = [trace.spans[each["span_index"]] for each in self.found.records[before:]]
        if new:
            traces, spans = shown_ids(trace, new)
            self.traces, self.spans = self.traces | traces, self.spans | spans


def saying(window: TraceWindow, traces: Meant, where: Where, sought: Sought, found: Found, limit: Limit) -> Answered:
    """The spans of some traces that fit a condition and in which something is found."""
    wanted, needle = _wanted(window, traces, where), sought.required.encode(errors="replace")
    ids = {position: trace_id for position, (trace_id, _) in wanted.items()}
    searched = Searched(found, len(ids), order={position: number for number, position in enumerate(ids, 1)})
    try:
        for position, trace in traces_holding(window, ids, needle, limit):
            if trace is not None:
                _look(trace, wanted[position][1], sought, needle, searched, limit)
            searched.read = searched.order[position]
    except TooSlowError:
        if not searched.read:
            raise
    values = {"read_traces": searched.read, "of_traces": searched.of, "whole": searched.read == searched.of}
    return Answered({**found.told(), **values, **traces.told}, searched.traces, searched.spans)


def _look(
    trace: StoredTrace, among: set[str] | None, sought: Sought, needle: bytes, searched: Searched, limit: Limit
) -> None:
    hits: list[StoredSpan] = [
        stored for stored in trace.spans if has_bytes(stored, needle) and (among is None or stored.span_id in among)
    ]
    before = len(searched.found.records)
    for line in made(trace, hits) if hits else ():
        searched.found.look(sought, line, limit)
    searched.note(trace, before)


def _wanted(window: TraceWindow, traces: Meant, where: Where) -> dict[int, tuple[str, set[str] | None]]:
    """By position the trace's id and the ids of the spans that fit; None where all do."""
    wanted: dict[int, tuple[str, set[str] | None]] = {}
    if not where.parts:
        for condition, args in traces.conditions():
            statement = f"SELECT position, trace_id FROM traces WHERE {condition} ORDER BY position"
            for position, trace_id in rows_of(window, statement, args):
                wanted[integer(position)] = str(trace_id), None
        return wanted
    for condition, args in traces.span_conditions():
        statement = f"SELECT position, trace_id, span_id FROM spans WHERE {condition} AND {where.sql}"
        for position, trace_id, span_id in rows_of(window, statement, {**args, **where.args}):
            _, spans = wanted.setdefault(integer(position), (str(trace_id), set()))
            if spans is not None:
                spans.add(str(span_id))
    return dict(sorted(wanted.items()))


def listing(window: TraceWindow, traces: Meant, where: Where, by: SpanSort, order: str, most: int) -> Answered:
    """The first spans of a condition in some order, and how many there are."""
    count, rows = 0, list[Row]()
    direction = "DESC" if order == "desc" else "ASC"
    for condition, args in traces.span_conditions():
        bound = {**args, **where.args}
        both = f"{condition} AND {where.sql}"
        count += integer(rows_of(window, f"SELECT count(*) FROM spans WHERE {both}", bound)[0][0])
        statement = f"SELECT {_COLUMNS}, {_BY[by]}, position FROM spans WHERE {both}"
        rows += rows_of(window, f"{statement} ORDER BY {_BY[by]} {direction}, position LIMIT {int(most)}", bound)
    rows.sort(key=lambda row: (float(row[-2] or 0) * (-1 if order == "desc" else 1), integer(row[-1])))
    rows = rows[:most]
    names = _source_ids(window, [integer(row[-1]) for row in rows])
    matches = [_listed(row, names[integer(row[-1])]) for row in rows]
    values = {
        "match_count": count,
        "returned_match_count": len(matches),
        "has_more": count > len(matches),
        "matches": matches,
        **traces.told,
    }
    pairs = {(each, str(row[1])) for row in rows for each in (str(row[0]), names[integer(row[-1])])}
    return Answered(values, frozenset(trace for trace, _ in pairs), frozenset(pairs))


def _listed(row: Row, source_id: str) -> dict[str, Any]:
    said = dict(zip(_KEYS, row, strict=False))
    said |= {"trace_id": source_id, "start_time": time_text(integer(said["start_time"]))}
    texts = {key: cut(value, MATCH_CHARS) if isinstance(value, str) else value for key, value in said.items()}
    return {key: value for key, value in texts.items() if value is not None}


def _source_ids(window: TraceWindow, positions: list[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for condition in listed(sorted(set(positions))):
        rows = rows_of(window, f"SELECT position, source_id FROM traces WHERE {condition}")
        found.update((integer(position), str(source_id)) for position, source_id in rows)
    return found
