"""An agent began to do worse at some moment, though its version did not change.

Counts: traces that show it of all traces since the moment. For each agent whose traces name at most one
`service.version`, in the order in which they began, three series are looked at: traces that fail, traces with an
error, and traces without any tool call (of agents that usually make some). The moment is where one rate before and
another after it are likeliest (Bernoulli generalised likelihood ratio); its p-value comes from permutations of the
series. A finding when p is at most 1 % and the rate rose; it is medium from 0.1 % on, since windows are looked at
again and again, and one look in a hundred reaches 1 % by chance.
Excluded: changes for the better, series of fewer than 40 traces, changes within ten traces of either end, and agents
with several versions (`version_regression` compares those).
Known false positives: another mix of tasks since the moment.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from pydantic import Field

from analysis.change_points import change_point
from analysis.contingency import Table, risk_difference
from analysis.detecting import Candidate, Detector, DetectorConfig, Measure, SplitCount
from analysis.facts import FactWindow
from analysis.phrases import p_said, percent, plural, significant
from analysis.statistics import wilson
from analysis.trace_sums import TraceSum, by_group, trace_sums
from domain.report import Scalar

_ALARMING = 0.001

_SERIES: Mapping[str, tuple[Callable[[TraceSum], bool | None], str]] = {
    "failing": (lambda each: each.failing, "traces that fail"),
    "errors": (lambda each: each.has_error, "traces with an error"),
    "no_tool_call": (lambda each: not each.tool_calls, "traces without a tool call"),
}


class Config(DetectorConfig):
    """When a change is worth a finding."""

    min_traces: int = Field(40, ge=20, description="Fewest traces in which a change is looked for.")
    max_p: float = Field(
        0.01, gt=0, le=1, description="The largest p-value that may stand, however few tests there are."
    )


def create(config: Config) -> Detector:
    """The detector."""
    return ChangePointDetector(config)


class Change(NamedTuple):
    """One series of one agent, and where it changed most."""

    name: str
    before: Sequence[TraceSum]
    after: Sequence[TraceSum]
    p_value: float

    def hits(self, traces: Sequence[TraceSum]) -> Sequence[TraceSum]:
        """Of some traces those that show it."""
        return [each for each in traces if _SERIES[self.name][0](each)]

    @property
    def rates(self) -> tuple[float, float]:
        """Before and after."""
        return len(self.hits(self.before)) / len(self.before), len(self.hits(self.after)) / len(self.after)


def changes(window: FactWindow) -> Sequence[Change]:
    """The likeliest change of every series that is long enough and varies, whatever it is worth."""
    found = []
    for traces in by_group(window.once(trace_sums)).values():
        if len({each.version for each in traces if each.version}) < 2:
            for name, (value, _) in _SERIES.items():
                known = [each for each in traces if value(each) is not None]
                is_idle = name == "no_tool_call" and known and not median(each.tool_calls for each in known)
                change = None if is_idle else change_point([bool(value(each)) for each in known])
                if change is not None:
                    found.append(Change(name, known[: change.at], known[change.at :], change.p_value))
    return found


class ChangePointDetector(Detector):
    """Looks at agents over time."""

    name = "change_point"
    requires = ()

    def __init__(self, config: Config) -> None:
        self._config = config

    def find(self, window: FactWindow) -> Iterable[Candidate]:
        """One candidate for each series that surely rose."""
        for change in self._tested(window):
            before, after = change.rates
            if change.p_value <= self._config.max_p and after > before:
                yield self._candidate(window, change)

    def measure(self, window: FactWindow, args: Mapping[str, Scalar]) -> Measure:
        """Traces that show it of all since the moment at which the series changed."""
        name = str(args["series"])
        if name not in _SERIES:
            raise ValueError(f"unknown series {name!r}; use one of: {', '.join(_SERIES)}")
        for change in window.once(changes):
            first = change.after[0]
            if (change.name, first.service, first.agent_uuid) == (name, args["service"], args["agent_uuid"]):
                return _measure(change)
        return Measure(frozenset(), 0, 0, frozenset())

    def comparisons(self, window: FactWindow) -> int:
        """Each series."""
        return len(self._tested(window))

    def p_values(self, window: FactWindow) -> Sequence[float]:
        """Of each series."""
        return [change.p_value for change in self._tested(window)]

    def _tested(self, window: FactWindow) -> Sequence[Change]:
        least = self._config.min_traces
        return [each for each in window.once(changes) if len(each.before) + len(each.after) >= least]

    def _candidate(self, window: FactWindow, change: Change) -> Candidate:
        first, what = change.after[0], _SERIES[change.name][1]
        before, after = change.rates
        args: dict[str, Scalar] = {"series": change.name, "service": first.service, "agent_uuid": first.agent_uuid}
        figures = dict(_measure(change).figures)
        return Candidate(
            detector=self.name,
            category="regression",
            owner="unknown",
            severity="medium" if change.p_value <= _ALARMING else "low",
            subject=first.agent,
            cause=change.name,
            args=args,
            title=f"{what.capitalize()}: {percent(after)} since {figures['since']}, {percent(before)} before",
            explanation=(
                f"{what.capitalize()}: {_told(change, change.after)} since {figures['since']}, "
                f"{_told(change, change.before)} before; {p_said(change.p_value)} by permutations of the series. "
                "The version did not change: look at what else did then (a model, a tool, data, traffic)."
            ),
            fix="Harness: set service.version at every deployment, so that a change can be told from its cause; "
            "compare traces from before and after the moment.",
            exemplars=(),
            quote_fields=("error", "output", "name"),
            service=first.service,
            confidence="medium",
            explains_failures=False,
            p_value=change.p_value,
            acceptance=f"{what}: no more than {percent(before)} over ≥ 50 traces",
        )


def _told(change: Change, traces: Sequence[TraceSum]) -> str:
    hits = len(change.hits(traces))
    low, high = wilson(hits, len(traces))
    return f"{hits:,} of {plural(len(traces), 'trace')} (95 % CI {low * 100:.1f}–{high * 100:.1f} %)"


def _measure(change: Change) -> Measure:
    hits, earlier = change.hits(change.after), change.hits(change.before)
    new, old = len(change.after), len(change.before)
    difference, low, high = risk_difference([Table(len(hits), new - len(hits), len(earlier), old - len(earlier))])
    return Measure(
        frozenset(each.ref for each in hits),
        new,
        new,
        frozenset(),
        (SplitCount("moment", "before", len(earlier), old), SplitCount("moment", "since", len(hits), new)),
        (
            ("since", _moment(change.after[0].start_ns)),
            ("difference", significant(difference)),
            ("difference_low", significant(low)),
            ("difference_high", significant(high)),
            ("p_value", significant(change.p_value)),
        ),
    )


def _moment(nanoseconds: int) -> str:
    """To the second, in UTC."""
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
