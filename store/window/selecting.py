"""Which traces a run looks at, and which a list shows."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from domain.errors import PermanentError
from domain.spans import TraceSummary
from store.base import Selected, Selection, TraceFilter
from store.window.eviction import dropped_spans
from store.window.schema import MAX_INT, NOBODY
from store.window.summaries import Listed, completeness_cuts, freshen, is_behind, is_complete, summaries

_OF_AGENTS = (
    "(t.agent IN (SELECT value FROM json_each(:agents)) OR t.id IN (SELECT trace FROM trace_agents WHERE agent IN"
    " (SELECT value FROM json_each(:agents))))"
)
COMPLETE = "(t.last_ns <= :idle OR (t.rooted AND t.last_ns <= :quiet))"
_KEYS = f"SELECT t.end_ns, t.id FROM traces t WHERE {{}} AND {COMPLETE}"
_REST = f"SELECT t.rooted, count(*) FROM traces t WHERE {{}} AND NOT {COMPLETE} GROUP BY t.rooted"
_SORTS: Mapping[str, tuple[str, Callable[[TraceSummary], int]]] = {
    "start": ("t.start_ns", lambda trace: trace.start_ns),
    "duration": ("t.end_ns - t.start_ns", lambda trace: trace.end_ns - trace.start_ns),
    "spans": ("t.spans", lambda trace: trace.span_count),
    "tokens": ("t.input_tokens + t.output_tokens", lambda trace: trace.input_tokens + trace.output_tokens),
    "errors": ("t.leaf_errors", lambda trace: trace.leaf_errors),
}


def select(connection: sqlite3.Connection, selection: Selection, now_ns: int) -> Selected:
    """As `store.base.WindowReader.select`, over one state of the window."""
    cuts = completeness_cuts(connection, now_ns)
    wanted = selection.agent_uuids
    numbers = None if wanted is None else agent_numbers(connection, wanted)
    from_ns, to_ns = max(selection.end_from_ns, 0), min(selection.end_to_ns, MAX_INT)
    where, values = conditions(selection, numbers, cuts)
    complete = connection.execute(_KEYS.format(where), values).fetchall()
    rest = Counter(dict(connection.execute(_REST.format(where), values)))
    for fresh in freshen(connection, "end_ns >= ?", (from_ns,)):
        mine = any(wanted is None or agent.uuid in wanted for agent in fresh.agents)
        if not mine or not from_ns <= fresh.sums.end_ns < to_ns:
            continue
        if is_complete(fresh.sums.rooted, fresh.before.last_ns, cuts):
            complete.append((fresh.sums.end_ns, fresh.before.key))
        else:
            rest[int(fresh.sums.rooted)] += 1
    return Selected(
        keys=tuple(key for _, key in sorted(complete)),
        settling=rest[1],
        open=rest[0],
        dropped_spans=dropped_spans(connection, from_ns, to_ns, numbers),
    )


def conditions(
    selection: Selection, numbers: Sequence[int] | None, cuts: tuple[int, int]
) -> tuple[str, dict[str, object]]:
    """What holds for the rolled-up traces `t` of a selection, and its values; `COMPLETE` is one more condition.

    `numbers` are those of the selection's agents, None for all; `cuts` as of `completeness_cuts`.
    """
    quiet, idle = cuts
    from_ns, to_ns = max(selection.end_from_ns, 0), min(selection.end_to_ns, MAX_INT)
    values = {"from": from_ns, "to": to_ns, "quiet": quiet, "idle": idle, "agents": json.dumps(numbers)}
    of_agents = f"t.agent <> {NOBODY}" if numbers is None else _OF_AGENTS
    return f"NOT t.dirty AND t.end_ns >= :from AND t.end_ns < :to AND {of_agents}", values


def agent_numbers(connection: sqlite3.Connection, uuids: Sequence[str]) -> list[int]:
    """The numbers of agents that the window knows."""
    wanted = "SELECT id FROM agents WHERE uuid IN (SELECT value FROM json_each(?))"
    found = connection.execute(wanted, (json.dumps(list(uuids)),))
    return [number for (number,) in found]


def list_traces(connection: sqlite3.Connection, wanted: TraceFilter, now_ns: int) -> list[TraceSummary]:
    """As `store.base.WindowReader.list_traces`: clean traces sorted by SQLite, dirty ones put among them.

    When too many are dirty, all are sorted and filtered by the sums they had, and only the page is made new.
    """
    if wanted.sort.removeprefix("-") not in _SORTS or wanted.status not in (None, "ok", "error"):
        raise PermanentError(
            f"traces are sorted by {', '.join(_SORTS)} (- for descending) and filtered by status ok or error;"
            f" got sort={wanted.sort!r} status={wanted.status!r}"
        )
    column, key_of = _SORTS[wanted.sort.removeprefix("-")]
    sign = -1 if wanted.sort.startswith("-") else 1
    cuts = completeness_cuts(connection, now_ns)
    where, values = _where(connection, wanted)
    known = "1" if is_behind(connection) else "NOT t.dirty"
    page = f"SELECT t.id FROM traces t WHERE {known} {where} ORDER BY {column} {'DESC' if sign < 0 else ''}, t.id"
    page_end = wanted.offset + wanted.limit
    clean = summaries(connection, f"WHERE t.id IN ({page} LIMIT :page_end)", {**values, "page_end": page_end}, cuts)
    dirty = summaries(connection, "WHERE t.dirty", {}, cuts) if known != "1" else ()
    found = [*clean, *(each for each in dirty if _is_wanted(each, wanted))]
    found.sort(key=lambda each: (sign * key_of(each.summary), each.key))
    return [each.summary for each in found[wanted.offset : page_end]]


def _where(connection: sqlite3.Connection, wanted: TraceFilter) -> tuple[str, dict[str, object]]:
    conditions: list[str] = []
    values: dict[str, object] = {}
    if wanted.agent_uuid is not None:
        conditions.append(f"AND {_OF_AGENTS}")
        values["agents"] = json.dumps(agent_numbers(connection, [wanted.agent_uuid]))
    if wanted.status is not None:
        conditions.append("AND t.leaf_errors > 0" if wanted.status == "error" else "AND t.leaf_errors = 0")
    if wanted.since_ns is not None:
        conditions.append("AND t.end_ns >= :since")
        values["since"] = min(wanted.since_ns, MAX_INT)
    return " ".join(conditions), values


def _is_wanted(listed: Listed, wanted: TraceFilter) -> bool:
    trace = listed.summary
    return (
        (wanted.agent_uuid is None or wanted.agent_uuid in listed.agents)
        and (wanted.status is None or (wanted.status == "error") == (trace.leaf_errors > 0))
        and (wanted.since_ns is None or trace.end_ns >= wanted.since_ns)
    )
