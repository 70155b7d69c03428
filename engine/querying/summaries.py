"""Pages of trace summaries, keyed as HALO engines key them; a few keys more are ours."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from domain.halo_lines import time_text
from engine.querying.bounding import cut
from engine.querying.memory import Answered
from engine.querying.selecting import Meant, total
from engine.querying.statements import Row, integer, listed, rows_of
from engine.window import TraceWindow

Sort = Literal["arrival", "start", "end", "duration", "tokens", "errors", "spans", "bytes"]
_BY: dict[str, str] = {
    "arrival": "position",
    "start": "start_ns",
    "end": "end_ns",
    "duration": "duration_ms",
    "tokens": "input_tokens + output_tokens",
    "errors": "error_spans",
    "spans": "spans",
    "bytes": "bytes",
}
_COLUMNS = (
    "trace_id, source_id, spans, start_ns, end_ns, error_spans, input_tokens, output_tokens, bytes, root_name,"
    " duration_ms, session, position"
)
_MOST_NAMES, _NAME_CHARS = 20, 200
_NAMES = ("service_names", "model_names", "agent_names", "agent_ids")


def page(window: TraceWindow, traces: Meant, sort: Sort, order: str, limit: int, offset: int) -> Answered:
    """Some summaries in order, and how many there are in all."""
    rows = _rows(window, traces, _BY[sort], order, limit, offset)
    ids = {integer(row[-1]): row for row in rows}
    names, counts = _names(window, list(ids)), _counts(window, list(ids))
    summaries = [_summary(row, names[position], counts[position]) for position, row in ids.items()]
    shown = frozenset(str(row[at]) for row in rows for at in (0, 1))
    return Answered({"traces": summaries, "total": total(window, traces), **traces.told}, shown)


def _rows(window: TraceWindow, traces: Meant, by: str, order: str, limit: int, offset: int) -> Sequence[Row]:
    direction = "DESC" if order == "desc" else "ASC"
    if traces.scanned is None:
        condition, args = traces.where.sql, traces.where.args
        paged = f"ORDER BY {by} {direction}, position LIMIT {int(limit)} OFFSET {int(offset)}"
        return rows_of(window, f"SELECT {_COLUMNS} FROM traces WHERE {condition} {paged}", args)
    keys: list[tuple[float, int]] = []
    for condition, args in traces.conditions():
        found = rows_of(window, f"SELECT {by}, position FROM traces WHERE {condition}", args)
        keys += [(float(key or 0), integer(position)) for key, position in found]
    keys.sort(key=lambda each: (-each[0] if order == "desc" else each[0], each[1]))
    wanted = [position for _, position in keys[offset : offset + limit]]
    rows = [
        row
        for condition in listed(wanted)
        for row in rows_of(window, f"SELECT {_COLUMNS} FROM traces WHERE {condition}")
    ]
    place = {position: number for number, position in enumerate(wanted)}
    return sorted(rows, key=lambda row: place[integer(row[-1])])


def _names(window: TraceWindow, positions: Sequence[int]) -> dict[int, list[list[str]]]:
    """Services, models, agents and agent ids of traces."""
    found: dict[int, list[set[str]]] = {position: [set() for _ in _NAMES] for position in positions}
    for condition in listed(positions):
        statement = f"SELECT DISTINCT position, service, model, agent, agent_id FROM spans WHERE {condition}"
        for position, *values in rows_of(window, statement):
            for names, value in zip(found[integer(position)], values, strict=True):
                if value:
                    names.add(str(value))
    return {position: [_shown(names) for names in lists] for position, lists in found.items()}


def _shown(names: set[str]) -> list[str]:
    """Names of one trace in order; of a great many the first, and how many there are more."""
    shown = [cut(name, _NAME_CHARS) for name in sorted(names)[:_MOST_NAMES]]
    return shown if len(names) <= _MOST_NAMES else [*shown, f"... and {len(names) - _MOST_NAMES} more"]


def _counts(window: TraceWindow, positions: Sequence[int]) -> dict[int, Sequence[int]]:
    """Missing parents, spans without an agent and failed tool calls of traces."""
    found: dict[int, Sequence[int]] = {}
    for condition in listed(positions):
        statement = (
            "SELECT position, sum(parent_missing), sum(agent IS NULL), sum(kind = 'TOOL' AND status = 'ERROR')"
            f" FROM spans WHERE {condition} GROUP BY position"
        )
        found.update(
            (integer(position), list(map(integer, counts))) for position, *counts in rows_of(window, statement)
        )
    return {position: found.get(position, (0, 0, 0)) for position in positions}


def _summary(row: Row, names: Iterable[list[str]], counts: Sequence[int]) -> dict[str, Any]:
    (
        _,
        source_id,
        spans,
        start_ns,
        end_ns,
        errors,
        tokens_in,
        tokens_out,
        size_bytes,
        root_name,
        duration,
        session,
        _,
    ) = row
    services, models, agents, agent_ids = names
    missing_parents, without_agent, tool_errors = counts
    more: dict[str, Any] = {"root_name": root_name, "duration_ms": duration}
    return {
        "trace_id": source_id,
        "span_count": spans,
        "start_time": time_text(integer(start_ns)),
        "end_time": time_text(integer(end_ns)),
        "has_errors": integer(errors) > 0,
        "service_names": services,
        "model_names": models,
        "total_input_tokens": tokens_in,
        "total_output_tokens": tokens_out,
        "agent_names": agents,
        "agent_ids": agent_ids,
        "missing_parent_count": missing_parents,
        "missing_agent_identity_count": without_agent,
        "project_id_mismatch_count": None,
        "otel_error_span_count": errors,
        "tool_error_span_count": tool_errors,
        "raw_jsonl_bytes": size_bytes,
        **more,
        **({"session": session} if session else {}),
    }
