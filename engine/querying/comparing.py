"""Two sets of traces side by side: what differs, by how much, and how likely chance alone does that."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.contingency import Table, cochran_mantel_haenszel, fisher_exact
from analysis.statistics import benjamini_hochberg, wilson
from analysis.two_samples import mann_whitney
from domain.claims import Scalar
from engine.querying.bounding import cut
from engine.querying.grouping import percentile
from engine.querying.selecting import Meant
from engine.querying.statements import integer, rows_of
from engine.window import TraceWindow

_MEASURES = ("duration_ms", "tokens", "llm_spans", "tool_spans")
_TRACES = (
    "SELECT error_spans > 0, duration_ms, input_tokens + output_tokens, llm_spans, tool_spans FROM traces"
    " WHERE {condition}"
)
_TOOLS = "SELECT tool, count(*), sum(status = 'ERROR') FROM spans WHERE kind = 'TOOL' AND {condition} GROUP BY tool"
_ERRORS = (
    "SELECT name || ': ' || coalesce(error, ''), count(DISTINCT position) FROM spans"
    " WHERE status = 'ERROR' AND {condition} GROUP BY 1"
)
_EXACT_UP_TO = 20_000
_VALUE_CHARS = 300


@dataclass
class Side:
    """One of the two sets: its traces, its tools' calls and failures, and its errors' traces."""

    traces: int = 0
    failing: int = 0
    values: dict[str, list[float]] = field(default_factory=lambda: {key: [] for key in _MEASURES})
    calls: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


def side_of(window: TraceWindow, traces: Meant) -> Side:
    """What is compared, of some traces."""
    side = Side()
    for condition, args in traces.conditions():
        for failing, *values in rows_of(window, _TRACES.format(condition=condition), args):
            side.traces += 1
            side.failing += integer(failing)
            for kept, value in zip(side.values.values(), values, strict=True):
                kept.append(float(value or 0))
    for condition, args in traces.span_conditions():
        for tool, calls, failures in rows_of(window, _TOOLS.format(condition=condition), args):
            side.calls[_name(tool)] += integer(calls)
            side.failures[_name(tool)] += integer(failures)
        for error, count in rows_of(window, _ERRORS.format(condition=condition), args):
            side.errors[_name(error)] += integer(count)
    return side


def _name(value: Scalar) -> str:
    return cut(str(value or ""), _VALUE_CHARS)


def compared(before: Side, after: Side, most: int) -> dict[str, Any]:
    """The differences, each with a p-value; those of tools and errors by how unlikely they are."""
    rate = _rates("traces with an error span", (before.failing, before.traces), (after.failing, after.traces))
    measures = [_measure(key, before.values[key], after.values[key]) for key in _MEASURES]
    tools = [
        _rates(tool, (before.failures[tool], before.calls[tool]), (after.failures[tool], after.calls[tool]))
        for tool in before.calls | after.calls
    ]
    errors = [
        _rates(error, (before.errors[error], before.traces), (after.errors[error], after.traces))
        for error in before.errors | after.errors
    ]
    tests = [each["p_value"] for each in (rate, *measures, *tools, *errors) if each["p_value"] is not None]
    return {
        "traces": {"before": before.traces, "after": after.traces},
        "error_rate": rate,
        "per_trace": measures,
        "tools": _top(tools, most),
        "errors": _top(errors, most),
        "not_listed": {"tools": max(len(tools) - most, 0), "errors": max(len(errors) - most, 0)},
        "tests": len(tests),
        "p_threshold": benjamini_hochberg(tests),
    }


def _top(differences: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    def unlikely(each: Mapping[str, Any]) -> tuple[float, int]:
        p_value = each["p_value"]
        return (2.0 if p_value is None else p_value, -each["before"]["of"] - each["after"]["of"])

    return sorted(differences, key=unlikely)[:most]


def _rates(what: str, before: tuple[int, int], after: tuple[int, int]) -> dict[str, Any]:
    return {"what": what, "before": _rate(*before), "after": _rate(*after), "p_value": _p_value(before, after)}


def _rate(affected: int, of: int) -> dict[str, Any]:
    low, high = wilson(affected, of)
    rate = round(affected / of, 4) if of else None
    return {"affected": affected, "of": of, "rate": rate, "ci_low": round(low, 4), "ci_high": round(high, 4)}


def _p_value(before: tuple[int, int], after: tuple[int, int]) -> float | None:
    """Fisher's exact test, or for large tables its approximation; None where a table can say nothing."""
    table = Table(after[0], after[1] - after[0], before[0], before[1] - before[0])
    if not table.is_telling:
        return None
    return float(fisher_exact(table) if table.total <= _EXACT_UP_TO else cochran_mantel_haenszel([table]))


def _measure(key: str, before: Sequence[float], after: Sequence[float]) -> dict[str, Any]:
    p_value = mann_whitney(before, after) if before and after else None
    return {"what": key, "before": _spread(before), "after": _spread(after), "p_value": p_value}


def _spread(values: Sequence[float]) -> dict[str, Any] | None:
    if not values:
        return None
    ordered = sorted(values)
    mean = round(sum(ordered) / len(ordered), 3)
    return {"mean": mean, **{f"p{percent}": percentile(ordered, percent) for percent in (50, 90, 99)}}
