"""Spans counted and measured by what they have in common."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from domain.claims import Scalar
from engine.querying.bounding import cut
from engine.querying.conditions import Where
from engine.querying.expressions import Limit
from engine.querying.selecting import Condition, Meant
from engine.querying.statements import Row, integer, rows_of
from engine.querying.versions import versions_of
from engine.window import TraceWindow

Dimension = Literal[
    "kind",
    "tool",
    "model",
    "provider",
    "name",
    "service",
    "agent",
    "status",
    "error",
    "session",
    "version",
    "hour",
    "day",
]
Measure = Literal["duration_ms", "tokens", "bytes"]
GroupSort = Literal["count", "traces", "errors", "error_rate", "duration_ms", "tokens", "bytes", "value"]
_EXPRESSIONS: Mapping[str, str] = {
    "session": "(SELECT t.session FROM traces t WHERE t.position = spans.position)",
    "version": "NULL",
    "hour": "strftime('%Y-%m-%dT%H:00Z', start_ns / 1000000000, 'unixepoch')",
    "day": "strftime('%Y-%m-%d', start_ns / 1000000000, 'unixepoch')",
}
_MEASURED = ("duration_ms", "input_tokens + output_tokens", "size_bytes")
_KEYS: tuple[Measure, ...] = ("duration_ms", "tokens", "bytes")
_TRACES_AT_ONCE = 5_000
_MOST_GROUPS = 100_000
_VALUE_CHARS = 500
_PERCENTILES = (50, 90, 99)


@dataclass
class Group:
    """The spans of a group."""

    count: int = 0
    errors: int = 0
    traces: int = 0
    last_trace: int = -1
    values: list["array[float]"] = field(default_factory=lambda: [array("d") for _ in _KEYS])

    def add(self, position: int, status: Scalar, measured: Sequence[Scalar]) -> None:
        """Add a span; those of a trace come one after the other."""
        self.count += 1
        self.errors += status == "ERROR"
        self.traces += position != self.last_trace
        self.last_trace = position
        for kept, value in zip(self.values, measured, strict=True):
            if value is not None:
                kept.append(float(value))

    def told(self, measures: Sequence[Measure]) -> dict[str, Any]:
        """Counts, and sum and percentiles of what is measured."""
        told: dict[str, Any] = {"spans": self.count, "traces": self.traces, "errors": self.errors}
        told["error_rate"] = round(self.errors / self.count, 4) if self.count else 0.0
        for key, values in zip(_KEYS, self.values, strict=True):
            if key in measures:
                told[key] = _measured(values)
        return told


def _measured(values: "array[float]") -> dict[str, Any]:
    ordered = sorted(values)
    told: dict[str, Any] = {"recorded": len(ordered), "sum": round(sum(ordered), 3)}
    return told | {f"p{percent}": percentile(ordered, percent) for percent in _PERCENTILES if ordered}


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value below which so many percent of ordered values lie, interpolated."""
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return round(ordered[below] + (ordered[above] - ordered[below]) * (place - below), 3)


def grouped(
    window: TraceWindow, traces: Meant, where: Where, by: Sequence[Dimension], limit: Limit
) -> tuple[dict[tuple[Scalar, ...], Group], Group, dict[str, Any]]:
    """The groups by their values, all spans as one group, and what an answer has to say of missing ones."""
    versions, told = versions_of(window, limit) if "version" in by else ({}, {})
    at_version = by.index("version") if "version" in by else -1
    groups: dict[tuple[Scalar, ...], Group] = {}
    whole, other = Group(), Group()
    for position, status, *rest in _rows(window, traces, where, by):
        key, measured = rest[: len(by)], rest[len(by) :]
        if at_version >= 0:
            key[at_version] = versions.get(integer(position))
        group = groups.get(tuple(key))
        if group is None:
            group = groups.setdefault(tuple(key), Group()) if len(groups) < _MOST_GROUPS else other
        group.add(integer(position), status, measured)
        whole.add(integer(position), status, measured)
    if other.count:
        told = {**told, "spans_in_no_group": other.count}
    return groups, whole, told


def _rows(window: TraceWindow, traces: Meant, where: Where, by: Sequence[Dimension]) -> Iterator[Row]:
    """Of each span its position, status, dimensions and measures; a bounded number of traces at once."""
    dimensions = ", ".join(_EXPRESSIONS.get(each, each) for each in by)
    columns = f"position, status, {dimensions}, {', '.join(_MEASURED)}"
    for condition, args in _stretches(window, traces):
        bound = {**args, **where.args}
        yield from rows_of(window, f"SELECT {columns} FROM spans WHERE {condition} AND {where.sql}", bound)


def _stretches(window: TraceWindow, traces: Meant) -> Iterator[Condition]:
    if traces.scanned is not None:
        yield from traces.span_conditions()
        return
    first, last = rows_of(window, "SELECT min(position), max(position) FROM traces")[0]
    for condition, args in traces.span_conditions():
        for start in range(integer(first), integer(last) + 1, _TRACES_AT_ONCE):
            yield f"position BETWEEN {start} AND {start + _TRACES_AT_ONCE - 1} AND {condition}", args


def rank(group: Group, by: GroupSort) -> float:
    """What groups are ordered by, the largest first."""
    if by in _KEYS:
        return sum(group.values[_KEYS.index(by)])
    rates = {"count": group.count, "traces": group.traces, "errors": group.errors}
    return rates.get(by, group.errors / max(group.count, 1))


def shown(value: Scalar) -> Scalar:
    """A group's value, cut."""
    return cut(value, _VALUE_CHARS) if isinstance(value, str) else value
