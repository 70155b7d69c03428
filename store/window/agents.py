"""The agents of the window and their totals, kept as differences so that an overview reads one row an agent."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import structlog

from domain.spans import OWN_SERVICE, agent_uuid
from store.window.rollup import Identity, RollUp
from store.window.schema import NOBODY

MAX_AGENTS = 10_000
_LOG = structlog.get_logger()
_COLUMNS = (
    "traces",
    "spans",
    "error_spans",
    "leaf_errors",
    "input_tokens",
    "output_tokens",
    "nested_traces",
    "nested_spans",
)


class Share(NamedTuple):
    """What one trace has added to its agents' totals, read before that changes."""

    key: int
    revision: int
    agent: int | None
    nested: tuple[int, ...]
    spans: int
    error_spans: int
    leaf_errors: int
    input_tokens: int
    output_tokens: int
    last_ns: int


SHARE_COLUMNS = (
    "id, revision, agent, nested, rolled_spans, error_spans, leaf_errors, input_tokens, output_tokens, last_ns"
)


def share(row: Sequence[Any]) -> Share:
    """A row of `SHARE_COLUMNS`."""
    return Share._make((*row[:3], tuple(json.loads(row[3] or "[]")), *row[4:]))


class Totals:
    """Differences to the agents' totals, collected and then applied at once."""

    def __init__(self) -> None:
        self._changes: defaultdict[int, list[int]] = defaultdict(lambda: [0] * len(_COLUMNS))
        self._last_ns: defaultdict[int, int] = defaultdict(int)

    def remove(self, before: Share) -> None:
        """Take back what a trace has added."""
        if before.agent is not None:
            self._add(before.agent, -1, before[4:9], 0)
        for agent in before.nested:
            self._add_nested(agent, -1, before.spans, 0)

    def add(self, agent: int, nested: Iterable[int], sums: RollUp, last_ns: int) -> None:
        """Add what a trace comes to now."""
        counts = (sums.spans, sums.error_spans, sums.leaf_errors, sums.input_tokens, sums.output_tokens)
        self._add(agent, 1, counts, last_ns)
        for each in nested:
            self._add_nested(each, 1, sums.spans, last_ns)

    def _add(self, agent: int, sign: int, counts: tuple[int, ...], last_ns: int) -> None:
        change = self._changes[agent]
        for position, count in enumerate((1, *counts)):
            change[position] += sign * count
        self._last_ns[agent] = max(self._last_ns[agent], last_ns)

    def _add_nested(self, agent: int, sign: int, spans: int, last_ns: int) -> None:
        change = self._changes[agent]
        change[-2] += sign
        change[-1] += sign * spans
        self._last_ns[agent] = max(self._last_ns[agent], last_ns)

    def apply(self, connection: sqlite3.Connection) -> None:
        """Write the differences."""
        sets = ", ".join(f"{column} = {column} + ?" for column in _COLUMNS)
        connection.executemany(
            f"UPDATE agents SET {sets}, last_ns = max(last_ns, ?) WHERE id = ?",
            [(*change, self._last_ns[agent], agent) for agent, change in self._changes.items()],
        )


def texts(connection: sqlite3.Connection, numbers: Iterable[int | None]) -> dict[int | None, str]:
    """The texts of some `strings`."""
    found: dict[int | None, str] = {}
    for number in set(numbers):
        row = connection.execute("SELECT text FROM strings WHERE id = ?", (number,)).fetchone()
        if row is not None:
            found[number] = row[0]
    return found


def own_service(connection: sqlite3.Connection) -> int | None:
    """The number of HALO's own service name; None when no span has carried it."""
    row = connection.execute("SELECT id FROM strings WHERE text = ?", (OWN_SERVICE,)).fetchone()
    return row[0] if row else None


class Named(NamedTuple):
    """An agent by what people and reports call it."""

    uuid: str
    name: str
    service: str


def named(identity: Identity, names: dict[int | None, str]) -> Named:
    """An identity with its texts looked up in `names`."""
    service = names[identity.service]
    return Named(agent_uuid(service, names.get(identity.key)), names[identity.name], service)


def agent_number(connection: sqlite3.Connection, agent: Named) -> int:
    """The number of an agent, made if need be; `NOBODY` when there are too many."""
    row = connection.execute("SELECT id, name FROM agents WHERE uuid = ?", (agent.uuid,)).fetchone()
    if row is not None:
        if row[1] != agent.name:
            connection.execute("UPDATE agents SET name = ? WHERE id = ?", (agent.name, row[0]))
        return int(row[0])
    if connection.execute("SELECT count(*) FROM agents").fetchone()[0] > MAX_AGENTS:
        _LOG.warning("agent_refused", limit=MAX_AGENTS)
        return NOBODY
    number = connection.execute(
        "INSERT INTO agents (uuid, name, service) VALUES (?, ?, ?)", (agent.uuid, agent.name, agent.service)
    ).lastrowid
    assert number is not None
    return number


def forget_agents(connection: sqlite3.Connection) -> int:
    """Forget agents without traces once they take half of the places, the longest unseen first; how many."""
    held = connection.execute("SELECT count(*) FROM agents").fetchone()[0]
    unseen = connection.execute(
        "SELECT id FROM agents WHERE id <> ? AND traces = 0 AND nested_traces = 0 ORDER BY last_ns LIMIT ?",
        (NOBODY, max(held - MAX_AGENTS // 2, 0)),
    ).fetchall()
    connection.executemany("DELETE FROM agents WHERE id = ?", unseen)
    connection.executemany("DELETE FROM dropped WHERE agent = ?", unseen)
    return len(unseen)
