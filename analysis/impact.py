"""How much a finding matters: findings are ordered by this, never by how often something happened.

First the failing traces that a finding touches beyond what was to be expected, as a lower bound: the lower
end of the interval of their failure rate, less the failure rate of untouched traces of the same service and
version. Where outcomes do not tell findings apart, the lower bound of wasted seconds does, then of tokens.
"""

from collections import Counter
from typing import NamedTuple

from analysis.counting import counts_of, waste_of
from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.outcomes import Outcomes, Stratum, strata
from analysis.statistics import wilson
from domain.report import SEVERITIES, Severity

_DECISIVE_SHARE = 0.05
_DECISIVE_TRACES = 2
_FEWEST_TRACES = 2
"""That one run failed and had a thing says nothing about whether the thing fails runs."""


class Impact(NamedTuple):
    """Lower bounds: failing traces beyond expectation, wasted seconds, wasted tokens. Larger matters more."""

    failing_traces: float
    seconds: float
    tokens: float


def impact(window: FactWindow, measure: Measure, known: Outcomes, *, explains_failures: bool) -> Impact:
    """The impact of what a query measured; what only accompanies failing runs weighs by its waste alone."""
    counts, waste = counts_of(measure), waste_of(window, measure.wasted)
    sure = counts.ci_low / counts.rate if counts.rate else 0.0
    excess = _excess(window, measure, known) if explains_failures else 0.0
    return Impact(round(excess, 3), round(waste.seconds * sure, 3), round(waste.tokens * sure, 3))


def _excess(window: FactWindow, measure: Measure, known: Outcomes) -> float:
    touched = {trace_id for trace_id, _ in measure.affected}
    if measure.excess is not None:
        return max(measure.excess, 0.0)
    if len(touched) < _FEWEST_TRACES:
        return 0.0
    low, _ = wilson(len(touched & known.failing), len(touched))
    stratum_of, everyone = window.once(strata), window.once(_traces_by_stratum)
    failing = _failing_by_stratum(window, known)
    here = Counter(stratum_of[trace_id] for trace_id in touched)
    failing_here = Counter(stratum_of[trace_id] for trace_id in touched & known.failing)
    rest = everyone.total() - len(touched)
    failing_rest = failing.total() - failing_here.total()
    overall = failing_rest / rest if rest else failing.total() / everyone.total()
    expected = 0.0
    for stratum, count in sorted(here.items()):
        others = everyone[stratum] - count
        expected += count * ((failing[stratum] - failing_here[stratum]) / others if others else overall)
    return max(0.0, len(touched) * low - expected)


def _traces_by_stratum(window: FactWindow) -> Counter[Stratum]:
    return Counter(window.once(strata).values())


def _failing_by_stratum(window: FactWindow, known: Outcomes) -> Counter[Stratum]:
    stratum_of = window.once(strata)
    return Counter(stratum_of[trace_id] for trace_id in known.failing)


def severity_of(stated: Severity, measure: Measure, found: Impact, traces: int) -> Severity:
    """A detector's severity, raised by what surely fails runs, lowered for what was seen once or in one run of many."""
    at, low = SEVERITIES.index(stated), SEVERITIES.index("low")
    if at >= low:
        return stated
    if len(measure.affected) == 1:
        return "low"
    if found.failing_traces >= max(_DECISIVE_TRACES, _DECISIVE_SHARE * traces):
        return SEVERITIES[max(at - 1, 0)]
    is_in_one_run = len({trace_id for trace_id, _ in measure.affected}) == 1 < traces
    return SEVERITIES[at + 1] if is_in_one_run else stated
