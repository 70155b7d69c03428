"""Trace summaries as they are now: from `traces`, or rebuilt for the trace whose spans have just changed."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from domain.spans import SpanStatus, TraceSummary
from store.window.agents import SHARE_COLUMNS, Named, Share, named, own_service, share, texts
from store.window.rolling import rebuild
from store.window.rollup import RollUp

FRESHENED_TRACES = 500
_SUMMARY = """
SELECT t.id, t.dirty, t.last_ns, t.trace_id, t.source_id, t.session, coalesce(a.uuid, ''), coalesce(a.name, ''),
    coalesce(s.text, ''), coalesce(r.text, ''), t.spans, t.start_ns, t.end_ns, t.rooted, t.has_root, t.status,
    t.llm_spans, t.tool_spans, t.error_spans, t.leaf_errors, t.input_tokens, t.output_tokens
FROM traces t LEFT JOIN agents a ON a.id = t.agent LEFT JOIN strings s ON s.id = t.service
    LEFT JOIN strings r ON r.id = t.root_name
"""


class Fresh(NamedTuple):
    """A dirty trace's sums as they are now, whose it is, and which other agents are in it."""

    before: Share
    sums: RollUp
    owner: Named | None
    nested: tuple[Named, ...]
    root_name: str
    service: str

    @property
    def agents(self) -> tuple[Named, ...]:
        """Everybody in it, the owner first."""
        return ((self.owner,) if self.owner else ()) + self.nested


def is_behind(connection: sqlite3.Connection) -> bool:
    """Whether more traces wait to be rolled up than a reader may rebuild for itself."""
    waiting = "SELECT count(*) FROM (SELECT 1 FROM traces WHERE dirty LIMIT ?)"
    return bool(connection.execute(waiting, (FRESHENED_TRACES + 1,)).fetchone()[0] > FRESHENED_TRACES)


def freshen(connection: sqlite3.Connection, where: str, values: Sequence[object]) -> Iterator[Fresh]:
    """The dirty traces that meet a condition, rebuilt without writing."""
    own = own_service(connection)
    rows = connection.execute(f"SELECT {SHARE_COLUMNS} FROM traces WHERE dirty AND {where}", values).fetchall()
    for row in rows:
        before = share(row)
        sums = rebuild(connection, before.key, own)
        identities = (*((sums.owner,) if sums.owner else ()), *sums.nested)
        numbers = {sums.root_name, sums.service}.union(*identities)
        found = texts(connection, numbers)
        people = [named(identity, found) for identity in identities]
        yield Fresh(
            before,
            sums,
            people[0] if people else None,
            tuple(people[1:]),
            found.get(sums.root_name, ""),
            found.get(sums.service, ""),
        )


def completeness_cuts(connection: sqlite3.Connection, now_ns: int) -> tuple[int, int]:
    """The last arrivals up to which traces are complete: with an ended root, and without; the writer says how long."""
    found = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('quiet_ns', 'idle_ns')"))
    return now_ns - int(found["quiet_ns"]), now_ns - int(found["idle_ns"])


def is_complete(rooted: int | bool, last_ns: int, cuts: tuple[int, int]) -> bool:
    """Whether a trace is complete, given when it was last added to."""
    return last_ns <= cuts[1] or (bool(rooted) and last_ns <= cuts[0])


class Listed(NamedTuple):
    """A trace's number and summary; of a dirty one also the uuids of all agents in it."""

    key: int
    summary: TraceSummary
    agents: tuple[str, ...]


def summaries(
    connection: sqlite3.Connection, where: str, values: Mapping[str, object], cuts: tuple[int, int]
) -> Iterator[Listed]:
    """Traces that meet a condition on `t`."""
    rows = connection.execute(_SUMMARY + where, values).fetchall()
    dirty = [row[0] for row in rows if row[1]]
    fresh = {each.before.key: each for each in _freshen_keys(connection, dirty)}
    for row in rows:
        rebuilt = fresh.get(row[0])
        agents = tuple(agent.uuid for agent in rebuilt.agents) if rebuilt else ()
        yield Listed(row[0], _summary(row, rebuilt, cuts), agents)


def _freshen_keys(connection: sqlite3.Connection, keys: Iterable[int]) -> Iterator[Fresh]:
    return freshen(connection, "id IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),))


def _summary(row: Sequence[Any], fresh: Fresh | None, cuts: tuple[int, int]) -> TraceSummary:
    _, _, last_ns, trace_id, source_id, session, uuid, name, service, root_name, *counts = row
    if fresh is None:
        sums = _sums(counts)
    else:
        sums = fresh.sums
        uuid, name = fresh.owner[:2] if fresh.owner else ("", "")
        service, root_name = fresh.service, fresh.root_name
    return TraceSummary(
        trace_id=trace_id.hex(),
        source_trace_id=source_id or trace_id.hex(),
        agent_uuid=uuid,
        agent_name=name,
        service=service,
        root_name=root_name,
        session=session,
        start_ns=sums.start_ns,
        end_ns=sums.end_ns,
        span_count=sums.spans,
        llm_spans=sums.llm_spans,
        tool_spans=sums.tool_spans,
        error_spans=sums.error_spans,
        leaf_errors=sums.leaf_errors,
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        status=SpanStatus(sums.status),
        has_root=sums.has_root,
        complete=is_complete(sums.rooted, last_ns, cuts),
    )


def _sums(counts: Sequence[int]) -> RollUp:
    spans, start_ns, end_ns, rooted, has_root, status, llms, tools, errors, leaf_errors, inputs, outputs = counts
    return RollUp(
        spans=spans,
        start_ns=start_ns,
        end_ns=end_ns,
        rooted=bool(rooted),
        has_root=bool(has_root),
        status=status,
        llm_spans=llms,
        tool_spans=tools,
        error_spans=errors,
        leaf_errors=leaf_errors,
        input_tokens=inputs,
        output_tokens=outputs,
    )
