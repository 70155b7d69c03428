"""What retention takes next: too old by arrival, over an agent's limits, or over the size of the file.

Within an agent the oldest frame goes first, within a frame the trace that arrived first. Traces that a running
analysis reads stay. Log records go with their trace; those whose trace never came go by themselves.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from store.base import Selection
from store.window.eviction import STEP_SPANS
from store.window.logs import ORPHAN_AGE_NS, orphans
from store.window.schema import MAX_INT


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of an agent is kept: by arrival, in compressed bytes of its frames, in spans."""

    max_age_ns: int
    max_bytes: int
    max_spans: int


class Victim(NamedTuple):
    """A trace that may be taken."""

    key: int
    last_ns: int
    spans: int
    size_bytes: int
    log_bytes: int  # compressed


class Batch(NamedTuple):
    """What one step of eviction takes, and why: traces by number, and rows of log records without a trace."""

    reason: str
    keys: list[int]
    orphans: list[int]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take."""
        return not self.keys and not self.orphans


_NOTHING = Batch("", [], [])
_AGENT_BYTES = """
SELECT agent, sum(bytes) - ? AS excess FROM (
    SELECT agent, stored_bytes * live / spans AS bytes FROM containers WHERE agent IS NOT NULL
    UNION ALL SELECT agent, log_bytes FROM traces WHERE log_bytes > 0 AND agent IS NOT NULL)
GROUP BY agent HAVING excess > 0
"""
_VICTIMS = """
SELECT id, last_ns, spans, bytes, log_bytes, end_ns, (SELECT uuid FROM agents WHERE id = traces.agent),
    (SELECT json_group_array(uuid) FROM agents WHERE id IN (SELECT value FROM json_each(traces.nested)))
FROM traces
"""


class Retention:
    """Chooses over a reading connection.

    `protected` tells which selections running analyses read; it is asked before each batch, since a run may
    start between two.
    """

    def __init__(
        self, connection: sqlite3.Connection, limits: Limits, protected: Callable[[], Sequence[Selection]]
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._read_protected = protected
        self._protected: Sequence[Selection] = ()

    def next_batch(self, now_ns: int) -> Batch:
        """The next traces over a limit, about one step's worth; empty when there are none."""
        self._protected = self._read_protected()
        return (
            self._expired(now_ns - self._limits.max_age_ns)
            or self._over_limits()
            or self._orphans("age", now_ns - min(self._limits.max_age_ns, ORPHAN_AGE_NS))
            or _NOTHING
        )

    def _orphans(self, reason: str, before_ns: int) -> Batch | None:
        found = orphans(self._connection, before_ns, STEP_SPANS)
        return Batch(reason, [], [number for number, _ in found]) if found else None

    def oldest(self) -> Batch:
        """What makes room in the file: the traces of the oldest container, frames first, or log records older still."""
        self._protected = self._read_protected()
        containers = "SELECT oldest_ns, traces FROM containers ORDER BY agent IS NULL, oldest_ns, id"
        for oldest_ns, traces in self._connection.execute(containers):
            keys = [victim.key for victim in self._victims_in(traces)]
            if keys:
                return self._orphans("size", oldest_ns) or Batch("size", keys, [])
        return self._orphans("size", MAX_INT) or _NOTHING

    def _expired(self, cutoff_ns: int) -> Batch | None:
        hot = self._victims("WHERE hot AND last_ns < ? ORDER BY last_ns LIMIT ?", (cutoff_ns, STEP_SPANS))
        keys = [victim.key for victim in hot]
        if not keys:
            frames = "SELECT traces FROM containers WHERE agent IS NOT NULL AND oldest_ns < ? ORDER BY oldest_ns"
            for (traces,) in self._connection.execute(frames, (cutoff_ns,)):
                keys += [victim.key for victim in self._victims_in(traces) if victim.last_ns < cutoff_ns]
                if len(keys) >= STEP_SPANS:
                    break
        return Batch("age", keys, []) if keys else None

    def _over_limits(self) -> Batch | None:
        limits = self._limits
        many = self._connection.execute(
            "SELECT id, spans - ? FROM agents WHERE spans > ?", (limits.max_spans, limits.max_spans)
        ).fetchall()
        big = self._connection.execute(_AGENT_BYTES, (limits.max_bytes,)).fetchall()
        over = [("spans", agent, excess, 0) for agent, excess in many]
        over += [("bytes", agent, 0, excess) for agent, excess in big]
        for reason, agent, spans, stored_bytes in over:
            keys = self._oldest_of(agent, spans, stored_bytes)
            if keys:
                return Batch(reason, keys, [])
        return None

    def _oldest_of(self, agent: int, spans: int, stored_bytes: float) -> list[int]:
        """The oldest traces of an agent that hold so many spans or compressed bytes, as far as one step goes."""
        keys: list[int] = []
        taken = 0
        for ratio, victims in self._by_age(agent):
            for victim in victims:
                if (spans <= 0 and stored_bytes <= 0) or taken >= STEP_SPANS:
                    return keys
                keys.append(victim.key)
                taken += victim.spans
                spans -= victim.spans
                stored_bytes -= victim.size_bytes * ratio + victim.log_bytes
        return keys

    def _by_age(self, agent: int) -> Iterator[tuple[float, list[Victim]]]:
        """Compression ratio and traces of an agent's frames, oldest first; then what is in no frame yet."""
        seen: set[int] = set()
        frames = "SELECT 1.0 * stored_bytes / raw_bytes, traces FROM containers WHERE agent = ? ORDER BY oldest_ns, id"
        for ratio, traces in self._connection.execute(frames, (agent,)):
            victims = [victim for victim in self._victims_in(traces) if victim.key not in seen]
            seen.update(victim.key for victim in victims)
            yield ratio, victims
        hot = self._victims("WHERE agent = ? AND hot ORDER BY last_ns LIMIT ?", (agent, STEP_SPANS))
        yield 0.0, [victim for victim in hot if victim.key not in seen]

    def _victims_in(self, traces: str) -> list[Victim]:
        return list(self._victims("WHERE id IN (SELECT value FROM json_each(?)) ORDER BY last_ns, id", (traces,)))

    def _victims(self, where: str, values: tuple[object, ...]) -> Iterator[Victim]:
        for *columns, end_ns, owner, nested in self._connection.execute(_VICTIMS + where, values):
            if not self._is_protected(end_ns, [owner, *json.loads(nested)]):
                yield Victim(*columns)

    def _is_protected(self, end_ns: int, agents: Sequence[str | None]) -> bool:
        return any(
            selection.end_from_ns <= end_ns < selection.end_to_ns
            and (selection.agent_uuids is None or any(agent in selection.agent_uuids for agent in agents))
            for selection in self._protected
        )


def refresh_oldest(connection: sqlite3.Connection, cutoff_ns: int) -> None:
    """Correct the oldest arrival of frames that lost their oldest traces, so that they are not asked again."""
    connection.execute(
        "UPDATE containers SET oldest_ns = coalesce((SELECT min(last_ns) FROM traces"
        " WHERE traces.id IN (SELECT value FROM json_each(containers.traces))), oldest_ns)"
        " WHERE agent IS NOT NULL AND oldest_ns < ?",
        (cutoff_ns,),
    )
