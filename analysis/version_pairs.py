"""Versions of an agent beside the ones before them: what is measured of each trace, and how two samples compare."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Literal, NamedTuple

from analysis.contingency import Table, fisher_exact, mcnemar_exact, risk_difference
from analysis.facts import FactWindow
from analysis.trace_sums import TraceSum, by_group, trace_sums
from analysis.two_samples import hodges_lehmann, mann_whitney

MATERIAL, SURELY = 0.2, 0.1
"""A size that grew by less of the older median, or surely by less than a tenth of it, is no regression."""
_FEWEST_PAIRS = 20
_TAIL = 0.9


class Pair(NamedTuple):
    """Two versions of one agent that follow each other, and the agent's latest version; each by start time."""

    older: Sequence[TraceSum]
    newer: Sequence[TraceSum]
    latest: Sequence[TraceSum]


class Metric(NamedTuple):
    """What is read of a trace, None where it was not recorded; `worse` is 1 where more of it is worse, else -1."""

    kind: Literal["rate", "share", "size"]
    value: Callable[[TraceSum], float | None]
    worse: int


class Compared(NamedTuple):
    """Newer beside older: the traces that show it, those that could, and the change with its 95 % interval.

    The change is a difference of rates, or a shift of a share or size. `pairs` is how many tasks both versions ran,
    where those decided.
    """

    affected: Sequence[TraceSum]
    of: Sequence[TraceSum]
    older_affected: int
    older_of: int
    older_typical: float
    newer_typical: float
    change: float
    low: float
    high: float
    p_value: float
    pairs: int
    is_worse: bool


METRICS: Mapping[str, Metric] = {
    "failing": Metric("rate", lambda each: None if each.failing is None else float(each.failing), 1),
    "no_tool_call": Metric("rate", lambda each: float(not each.tool_calls), 1),
    "tool_errors": Metric("share", lambda each: _share(each.failed_tool_calls, each.tool_calls), 1),
    "tokens": Metric("size", lambda each: None if each.tokens is None else float(each.tokens), 1),
    "duration": Metric("size", lambda each: each.seconds or None, 1),
    "cached": Metric("share", lambda each: _share(each.cached_tokens, each.input_tokens), -1),
}


def version_pairs(window: FactWindow, least: int) -> Sequence[Pair]:
    """Of every agent the versions with at least `least` traces, each beside the one first seen before it."""
    found = []
    for traces in by_group(window.once(trace_sums)).values():
        by_version: dict[str, list[TraceSum]] = {}
        for each in traces:
            if each.version:
                by_version.setdefault(each.version, []).append(each)
        known = [each for each in by_version.values() if len(each) >= least]
        found += [Pair(older, newer, known[-1]) for older, newer in pairwise(known)]
    return found


def compare(name: str, older: Sequence[TraceSum], newer: Sequence[TraceSum], least: int) -> Compared | None:
    """One metric of two versions; None where too few traces recorded it or it cannot have got worse."""
    metric = METRICS[name]
    before = [(each, value) for each in older if (value := metric.value(each)) is not None]
    after = [(each, value) for each in newer if (value := metric.value(each)) is not None]
    if min(len(before), len(after)) < least:
        return None
    if name == "no_tool_call" and not median(each.tool_calls for each in older):
        return None
    return _rates(before, after) if metric.kind == "rate" else _sizes(metric, before, after)


def _rates(before: Sequence[tuple[TraceSum, float]], after: Sequence[tuple[TraceSum, float]]) -> Compared:
    affected = [each for each, value in after if value]
    older_affected = sum(bool(value) for _, value in before)
    table = Table(len(affected), len(after) - len(affected), older_affected, len(before) - older_affected)
    first, then = _by_task(before), _by_task(after)
    tasks = first.keys() & then.keys()
    if len(tasks) >= _FEWEST_PAIRS:
        p_value = mcnemar_exact(
            sum(first[task] > then[task] for task in tasks), sum(first[task] < then[task] for task in tasks)
        )
    else:
        p_value = fisher_exact(table)
    change, low, high = risk_difference([table])
    return Compared(
        affected,
        [each for each, _ in after],
        older_affected,
        len(before),
        older_affected / len(before),
        len(affected) / len(after),
        change,
        low,
        high,
        p_value,
        len(tasks) if len(tasks) >= _FEWEST_PAIRS else 0,
        change > 0,
    )


def _sizes(
    metric: Metric, before: Sequence[tuple[TraceSum, float]], after: Sequence[tuple[TraceSum, float]]
) -> Compared:
    old, new = [value for _, value in before], [value for _, value in after]
    shift = hodges_lehmann(old, new)
    ordered = sorted(old, key=lambda value: metric.worse * value)
    edge = ordered[int(_TAIL * (len(ordered) - 1))]
    is_share = metric.kind == "share"
    typical = fmean if is_share else median
    older_typical, newer_typical = typical(old), typical(new)
    grew = metric.worse * (newer_typical - older_typical)
    surely = shift.low if metric.worse > 0 else -shift.high
    is_material = metric.worse * shift.by >= MATERIAL * older_typical and surely >= SURELY * older_typical
    is_worse = grew > 0 and (is_share or is_material)
    return Compared(
        [each for each, value in after if metric.worse * value > metric.worse * edge],
        [each for each, _ in after],
        sum(metric.worse * value > metric.worse * edge for value in old),
        len(old),
        older_typical,
        newer_typical,
        *shift,
        mann_whitney(old, new),
        0,
        is_worse,
    )


def _by_task(values: Sequence[tuple[TraceSum, float]]) -> Mapping[str, float]:
    """The first value of each task."""
    found: dict[str, float] = {}
    for each, value in values:
        if each.task:
            found.setdefault(each.task, value)
    return found


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None
