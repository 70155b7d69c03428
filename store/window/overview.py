"""Who is in the window and how much: the agents' totals, corrected by what has not been rolled up yet.

How many traces and spans there are is always exact. Under a load that the upkeep cannot follow, the rest is
corrected for a limited number of traces, so that looking stays cheap.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from domain.spans import Agent
from store.window.agents import Named
from store.window.schema import NOBODY
from store.window.summaries import FRESHENED_TRACES, Fresh, freshen

_FRESH_SPANS = 20_000  # of one trace: a longer one that still grows is shown as it was last rolled up
_SUMS = ("error_spans", "leaf_errors", "input_tokens", "output_tokens")
_AGENTS = """
SELECT id, uuid, name, service, traces, spans, nested_traces, nested_spans, last_ns,
    error_spans, leaf_errors, input_tokens, output_tokens FROM agents
"""
_NEW = "SELECT count(*) FILTER (WHERE agent IS NULL), coalesce(sum(spans - rolled_spans), 0) FROM traces WHERE dirty"


@dataclass(slots=True)
class _Entry:
    uuid: str
    name: str
    service: str
    traces: int = 0
    spans: int = 0
    nested_traces: int = 0
    nested_spans: int = 0
    last_ns: int = 0


class Overview:
    """The totals of a window as they are now."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._by_uuid: dict[str, _Entry] = {}
        self._by_number: dict[int, _Entry] = {}
        self._sums = dict.fromkeys(_SUMS, 0)
        self._traces, self._spans = connection.execute(_NEW).fetchone()
        for number, *columns in connection.execute(_AGENTS):
            entry = _Entry(*columns[:8])
            self._by_uuid[entry.uuid] = self._by_number[number] = entry
            self._add(*columns[8:])
            self._traces += entry.traces
            self._spans += entry.spans
        dirty = "(spans <= ? OR agent IS NULL) ORDER BY last_ns DESC LIMIT ?"
        for fresh in freshen(connection, dirty, (_FRESH_SPANS, FRESHENED_TRACES)):
            self._correct(fresh)

    def agents(self) -> list[Agent]:
        """Agents with traces, most recently seen first; traces and spans include those they are nested in."""
        found = [
            Agent(
                entry.uuid,
                entry.name,
                entry.service,
                entry.traces + entry.nested_traces,
                entry.spans + entry.nested_spans,
                entry.last_ns,
            )
            for entry in self._by_uuid.values()
            if entry.uuid and entry.traces + entry.nested_traces > 0
        ]
        return sorted(found, key=lambda agent: (-agent.last_seen_ns, agent.uuid))

    def sums(self) -> Mapping[str, int]:
        """Totals of everything stored."""
        return {"agents": len(self.agents()), "traces": self._traces, "spans": self._spans, **self._sums}

    def _add(self, errors: int, leaf_errors: int, inputs: int, outputs: int) -> None:
        for name, count in zip(_SUMS, (errors, leaf_errors, inputs, outputs), strict=True):
            self._sums[name] += count

    def _correct(self, fresh: Fresh) -> None:
        before, sums = fresh.before, fresh.sums
        self._add(-before.error_spans, -before.leaf_errors, -before.input_tokens, -before.output_tokens)
        self._add(sums.error_spans, sums.leaf_errors, sums.input_tokens, sums.output_tokens)
        if before.agent is not None:
            owner = self._by_number[before.agent]
            owner.traces -= 1
            owner.spans -= before.spans
        for number in before.nested:
            self._by_number[number].nested_traces -= 1
            self._by_number[number].nested_spans -= before.spans
        owner = self._entry(fresh.owner) if fresh.owner else self._by_number[NOBODY]
        owner.traces += 1
        owner.spans += sums.spans
        owner.last_ns = max(owner.last_ns, before.last_ns)
        for agent in fresh.nested:
            entry = self._entry(agent)
            entry.nested_traces += 1
            entry.nested_spans += sums.spans
            entry.last_ns = max(entry.last_ns, before.last_ns)

    def _entry(self, agent: Named) -> _Entry:
        return self._by_uuid.setdefault(agent.uuid, _Entry(*agent))
