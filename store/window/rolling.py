"""Rolling up: traces whose spans changed get their sums rebuilt, soon after it has become quiet.

Reading and adding up happen on a reading connection, only the result is written, and only if nothing arrived
for the trace meanwhile. A trace that never becomes quiet is rebuilt each time it has doubled, so that the
work stays linear in its length.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from store.window.agents import SHARE_COLUMNS, Share, Totals, agent_number, named, own_service, share, texts
from store.window.rollup import COLUMNS, Identity, RollUp, roll_up
from store.window.schema import NOBODY

_QUIET_NS = 1_000_000_000
_GROWN_SPANS = 2_000
_STEP_TRACES = 1_500
_STEP_SPANS = 20_000
_SPANS = f"SELECT {COLUMNS} FROM spans WHERE trace = ? ORDER BY span_id"
_UPDATE = """
UPDATE traces SET dirty = 0, hot = max(hot, agent IS NOT ?), agent = ?, nested = ?, start_ns = ?, end_ns = ?,
    rooted = ?, has_root = ?, root_name = ?, service = ?, status = ?, rolled_spans = ?, llm_spans = ?, tool_spans = ?,
    error_spans = ?, leaf_errors = ?, input_tokens = ?, output_tokens = ?
WHERE id = ? AND revision = ?
"""


class Rebuilt(NamedTuple):
    """The sums of a trace as they are now, and what its agents were given for it before."""

    before: Share
    sums: RollUp


def rebuild(connection: sqlite3.Connection, key: int, own: int | None) -> RollUp:
    """The sums of one trace from its index rows."""
    return roll_up(connection.execute(_SPANS, (key,)), own)


def rebuild_due(connection: sqlite3.Connection, now_ns: int, *, force: bool) -> list[Rebuilt]:
    """The next traces to roll up, a bounded number, rebuilt; with `force` even those that are not quiet."""
    connection.execute("BEGIN")
    try:
        return rebuild_inside(connection, now_ns, force=force)
    finally:
        connection.execute("ROLLBACK")


def rebuild_inside(connection: sqlite3.Connection, now_ns: int, *, force: bool) -> list[Rebuilt]:
    """As `rebuild_due`, in the caller's transaction."""
    own = own_service(connection)
    return [Rebuilt(before, rebuild(connection, before.key, own)) for before in _due(connection, now_ns, force)]


def _due(connection: sqlite3.Connection, now_ns: int, force: bool) -> list[Share]:
    rows = connection.execute(
        f"SELECT {SHARE_COLUMNS}, spans FROM traces WHERE dirty"
        " AND (last_ns <= ? OR ? OR spans >= max(?, 2 * rolled_spans)) ORDER BY last_ns LIMIT ?",
        (now_ns - _QUIET_NS, force, _GROWN_SPANS, _STEP_TRACES),
    )
    due: list[Share] = []
    spans = 0
    for *columns, length in rows:
        due.append(share(columns))
        spans += length
        if spans >= _STEP_SPANS:
            break
    return due


def apply_rebuilt(connection: sqlite3.Connection, rebuilt: Sequence[Rebuilt]) -> int:
    """Write sums that are still true; how many were."""
    totals = Totals()
    applied = 0
    numbers: dict[Identity, int] = {}
    for before, sums in rebuilt:
        agent, nested = agents_of(connection, sums, numbers)
        listed = json.dumps(nested) if nested else None
        values = (agent, agent, listed, sums.start_ns, sums.end_ns, sums.rooted, sums.has_root, sums.root_name)
        counts = (sums.llm_spans, sums.tool_spans, sums.error_spans, sums.leaf_errors)
        tokens = (sums.input_tokens, sums.output_tokens)
        row = (*values, sums.service, sums.status, sums.spans, *counts, *tokens, before.key, before.revision)
        if not connection.execute(_UPDATE, row).rowcount:
            continue
        applied += 1
        totals.remove(before)
        totals.add(agent, nested, sums, before.last_ns)
        if before.nested or nested:
            relate(connection, before.key, before.nested, nested)
    totals.apply(connection)
    return applied


def agents_of(connection: sqlite3.Connection, sums: RollUp, numbers: dict[Identity, int]) -> tuple[int, list[int]]:
    """The numbers of a trace's owner and of the other agents in it; `numbers` remembers those met before."""
    if sums.owner is None:
        return NOBODY, []
    for identity in (sums.owner, *sums.nested):
        if identity not in numbers:
            numbers[identity] = agent_number(connection, named(identity, texts(connection, identity)))
    owner = numbers[sums.owner]
    return owner, sorted({numbers[each] for each in sums.nested}.difference((owner, NOBODY)))


def relate(connection: sqlite3.Connection, key: int, before: Sequence[int], after: Sequence[int]) -> None:
    """Bring `trace_agents` from one list of a trace's nested agents to another."""
    gone, new = set(before).difference(after), set(after).difference(before)
    connection.executemany("DELETE FROM trace_agents WHERE agent = ? AND trace = ?", [(a, key) for a in gone])
    connection.executemany("INSERT OR IGNORE INTO trace_agents (agent, trace) VALUES (?, ?)", [(a, key) for a in new])
