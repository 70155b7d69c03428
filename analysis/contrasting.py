"""Failing traces beside passing ones: which properties do they have more often, other things being equal?

Only traces whose outcome something stated are compared, within one agent and `service.version`; and within one
task as well where at least half of the traces share agent, version and task with another. Where tasks are shared
only across versions, what holds within tasks is worked out beside it: a task mix may explain an association, but so
may the versions explain the one within tasks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from analysis.contingency import Association, Table, association, pooled
from analysis.facts import FactWindow
from analysis.trace_properties import ERRORS, OF_LENGTH, Property, Showing, trace_properties
from analysis.trace_sums import TraceSum, trace_sums

_SHARED = 0.5
_LENGTH_QUANTILE = 0.1
_MAX_PROPERTIES = 300
StratumOf = Callable[[TraceSum], tuple[str, ...]]


class Contrast(NamedTuple):
    """One property beside failing: by stratum, pooled, and within tasks where that is another question.

    `shown` are the compared traces with the property.
    """

    tables: Mapping[tuple[str, ...], Table]
    crude: Table
    association: Association
    within_tasks: Association | None
    shown: Sequence[TraceSum]

    @property
    def is_reversed(self) -> bool:
        """Whether the pooled counts point the other way than the strata do (Simpson's paradox)."""
        crude = _crude_difference(self.crude)
        return crude * self.association.difference < 0


def contrasts(window: FactWindow, least: int) -> Mapping[Property, Contrast]:
    """Every property that can be tested: at least `least` compared traces with it and as many without.

    Of more than three hundred properties those of most traces are.
    """
    if not window.once(comparable):
        return {}
    shown = {each: len(seen.shown) for each, seen in window.once(trace_properties).items() if len(seen.shown) >= least}
    found = {}
    for each in sorted(shown, key=lambda each: (-shown[each], each))[:_MAX_PROPERTIES]:
        contrast = contrast_of(window, each)
        if contrast is not None and least <= contrast.crude.exposed and least <= contrast.crude.others:
            found[each] = contrast
    return found


def contrast_of(window: FactWindow, each: Property) -> Contrast | None:
    """One property beside failing; None where no stratum has traces with and without it, failing and passing."""
    seen = window.once(trace_properties).get(each)
    if seen is None:
        return None
    compared = _comparable(each, seen, window.once(comparable))
    stratum_of = window.once(stratification)
    tables = _tables(compared, seen, stratum_of)
    found = association(tables.values())
    if found is None:
        return None
    telling = {stratum: table for stratum, table in tables.items() if table.is_telling}
    shown = [each for each in compared if each.ref[0] in seen.shown and stratum_of(each) in telling]
    by_task = _tables([each for each in compared if each.task], seen, _task) if stratum_of is not _cell else {}
    return Contrast(telling, pooled(telling.values()), found, association(by_task.values()), shown)


def comparable(window: FactWindow) -> Sequence[TraceSum]:
    """The traces whose outcome is known from more than their structure."""
    return [
        each for each in window.once(trace_sums) if each.failing is not None and each.outcome_source != "structural"
    ]


def stratification(window: FactWindow) -> StratumOf:
    """What traces must share to be compared."""
    traces = window.once(comparable)
    cells = Counter(_cell(each) for each in traces if each.task)
    shared = sum(count for count in cells.values() if count > 1)
    return _cell if traces and shared >= _SHARED * len(traces) else _version


def _version(each: TraceSum) -> tuple[str, ...]:
    return each.service, each.agent, each.version


def _task(each: TraceSum) -> tuple[str, ...]:
    return each.service, each.agent, each.task


def _cell(each: TraceSum) -> tuple[str, ...]:
    return each.service, each.agent, each.version, each.task


def _comparable(each: Property, seen: Showing, traces: Sequence[TraceSum]) -> Sequence[TraceSum]:
    """Of the traces those that could have shown a property; of comparable length where it comes with length."""
    if each.kind in ERRORS:
        traces = [trace for trace in traces if trace.outcome_source != "root_status"]
    if seen.among is not None:
        traces = [trace for trace in traces if trace.ref[0] in seen.among]
    if each.kind in OF_LENGTH:
        lengths = sorted(trace.tool_calls for trace in traces if trace.ref[0] in seen.shown)
        if lengths:
            edge = int(_LENGTH_QUANTILE * (len(lengths) - 1))
            low, high = lengths[edge], lengths[len(lengths) - 1 - edge]
            traces = [trace for trace in traces if low <= trace.tool_calls <= high]
    return traces


def _tables(traces: Iterable[TraceSum], seen: Showing, stratum_of: StratumOf) -> Mapping[tuple[str, ...], Table]:
    counts: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for trace in traces:
        place = (0 if trace.ref[0] in seen.shown else 2) + (0 if trace.failing else 1)
        counts[stratum_of(trace)][place] += 1
    return {stratum: Table(*found) for stratum, found in sorted(counts.items())}


def _crude_difference(table: Table) -> float:
    return table.with_failing / table.exposed - table.without_failing / table.others
