"""Pages of trace summaries, keyed as HALO engines key them; a few keys more are ours."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from domain.contents import TraceContents, TraceNames
from domain.halo_lines import time_text
from engine.querying.bounding import cut
from engine.querying.contents import contents_of
from engine.querying.memory import Answered, size_of
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
_NO_NAMES = TraceNames((), (), (), ())
_LEFT_OUT_BYTES = 200
_NEXT_STEP = "ask for the next page: offset plus the number of traces here"
_MOST_NAMES, _NAME_CHARS = 20, 200
_AT_ONCE = 100  # how many are made before it is seen whether more fit


def page(
    window: TraceWindow, traces: Meant, sort: Sort, order: str, limit: int, offset: int, room_bytes: int
) -> Answered:
    """Some summaries in order, as many as fit, and how many there are in all."""
    rows = _rows(window, traces, _BY[sort], order, limit, offset)
    values: dict[str, Any] = {"traces": [], "total": total(window, traces), **traces.told}
    used = size_of(values)
    room = room_bytes - _LEFT_OUT_BYTES
    kept: list[dict[str, Any]] = []
    for summary in _summaries(window, rows):
        size = size_of(summary) + 1
        if used + size > room:
            values["left_out"] = {"items": len(rows) - len(kept), "next_step": _NEXT_STEP}
            break
        used += size
        kept.append(summary)
    shown = frozenset(str(row[at]) for row in rows[: len(kept)] for at in (0, 1))
    return Answered({**values, "traces": kept}, shown, size_bytes=used)


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


def _summaries(window: TraceWindow, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    shown: dict[TraceNames, tuple[list[str], ...]] = {}
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        positions = sorted(integer(row[-1]) for row in some)
        contents = {each.position: each for each in contents_of(window, positions)}
        for row in some:
            position = integer(row[-1])
            found = contents.get(position) or TraceContents(position, _NO_NAMES, 0, 0, ())
            if found.names not in shown:
                shown[found.names] = tuple(map(_shown, found.names))
            yield _summary(row, found, shown[found.names])


def _shown(names: Sequence[str]) -> list[str]:
    """Names of one trace in order; of a great many the first, and how many there are more."""
    shown = [cut(name, _NAME_CHARS) for name in names[:_MOST_NAMES]]
    return shown if len(names) <= _MOST_NAMES else [*shown, f"... and {len(names) - _MOST_NAMES} more"]


def _summary(row: Row, found: TraceContents, names: Iterable[list[str]]) -> dict[str, Any]:
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
        "missing_parent_count": found.missing_parents,
        "missing_agent_identity_count": found.without_agent,
        "project_id_mismatch_count": None,
        "otel_error_span_count": errors,
        "tool_error_span_count": found.tool_errors,
        "raw_jsonl_bytes": size_bytes,
        **more,
        **({"session": session} if session else {}),
    }
