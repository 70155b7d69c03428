"""Which version of an agent made a trace; the index does not know, so a span of each trace is read once."""

from typing import Any

from domain.spans import StoredTrace
from engine.querying.conditions import Where
from engine.querying.expressions import Limit
from engine.querying.memory import memory_of
from engine.querying.scanning import candidates, traces_at
from engine.window import TraceWindow

_KEY = "service.version"


def versions_of(window: TraceWindow, limit: Limit) -> tuple[dict[int, str], dict[str, Any]]:
    """`service.version` by position of the trace, and what an answer has to say when not all could be read."""
    memory = memory_of(window)
    known: dict[int, str] | None = memory.get("versions")
    if known is not None:
        return known, {}
    ids, versions = candidates(window, Where()), dict[int, str]()
    for position, trace in traces_at(window, ids, limit):
        versions[position] = _version(trace)
    if len(versions) < len(ids) and limit.is_over:
        return versions, {"partial": {"versions_read_of_traces": len(versions), "of_traces": len(ids)}}
    memory.put("versions", versions, 100 * len(versions) + 100)
    return versions, {}


def _version(trace: StoredTrace) -> str:
    found = (
        item.value.string_value
        for stored in trace.spans
        for item in stored.resource.attributes
        if item.key == _KEY and item.value.string_value
    )
    return next(found, "")
