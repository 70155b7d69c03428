"""What a report's charts show: the window over time, each finding's rate over time, and an exemplar's trace.

Charts are numbers first: they stand in the report, whoever draws them, and `halo verify` makes them again from the
facts. A finding's trend asks its own query of stretches of the window; where the answers do not add up to the
finding's counts (a query that compares the window with itself), there is no trend that could be drawn.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.counting import rounded_rate
from analysis.detecting import Detector, Measure
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.looking import detector_for
from analysis.outcomes import outcomes
from analysis.sightings import moment
from analysis.statistics import wilson
from analysis.waterfalls import waterfall_of
from domain.report import Finding, TimelinePoint, TrendPoint, Waterfall

MOST_POINTS = 48
MOST_STRETCHES = 12
FINDINGS_WITH_TREND = 20
FINDINGS_WITH_WATERFALL = 10
_SHOWN_SEVERITIES = ("critical", "high", "medium")


@dataclass(frozen=True)
class Stretch:
    """Traces that ended in [start_ns, end_ns), nanoseconds since the epoch."""

    start_ns: int
    end_ns: int
    traces: tuple[TraceFacts, ...]


@dataclass(frozen=True)
class Charts:
    """What the charts of a report are drawn from; trends are by fingerprint."""

    timeline: tuple[TimelinePoint, ...]
    trends: Mapping[str, tuple[TrendPoint, ...]]
    waterfalls: tuple[Waterfall, ...]

    def on(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The findings with their trends."""
        return tuple(each.model_copy(update={"trend": self.trends.get(each.fingerprint, ())}) for each in findings)


def charts_of(window: FactWindow, detectors: Mapping[str, Detector], findings: Sequence[Finding]) -> Charts:
    """The charts of a report with these findings; a finding that this window does not show has none."""
    once = {each.fingerprint: each for each in findings}.values()
    shown = [each for each in once if each.counts.affected_spans and each.queries]
    return Charts(
        timeline(window),
        trends(window, detectors, shown[:FINDINGS_WITH_TREND]),
        waterfalls(window, shown),
    )


def timeline(window: FactWindow) -> tuple[TimelinePoint, ...]:
    """The window in at most 48 equal stretches between the first and the last end of a trace."""
    failing = outcomes(window).failing
    return tuple(_point(each, failing) for each in stretches(window, MOST_POINTS))


def stretches(window: FactWindow, most: int) -> tuple[Stretch, ...]:
    """Equal stretches of time from the first end of a trace to just after the last; never more than traces."""
    ends = window.once(_ends)
    if not window.traces:
        return ()
    first, after = min(ends), max(ends) + 1_000  # reports say times to the microsecond
    number = min(most, len(window.traces))
    found: list[list[TraceFacts]] = [[] for _ in range(number)]
    for trace, end in zip(window.traces, ends, strict=True):
        found[(end - first) * number // (after - first)].append(trace)
    edges = [first - (first - after) * at // number for at in range(number + 1)]
    return tuple(Stretch(edges[at], edges[at + 1], tuple(traces)) for at, traces in enumerate(found))


def trends(
    window: FactWindow, detectors: Mapping[str, Detector], findings: Sequence[Finding]
) -> Mapping[str, tuple[TrendPoint, ...]]:
    """By fingerprint what each finding's query answers in each stretch in which it had an opportunity.

    A stretch is looked at for all findings before the next, so that only one has its indexes in memory.
    """
    found: dict[str, list[TrendPoint]] = {each.fingerprint: [] for each in findings}
    for stretch in stretches(window, MOST_STRETCHES):
        part = FactWindow.of(stretch.traces)
        for finding in findings:
            measure = _asked(part, detectors, finding) if part.traces else None
            if measure is not None and measure.opportunities:
                found[finding.fingerprint].append(_trend_point(stretch, measure))
    return {each.fingerprint: tuple(found[each.fingerprint]) for each in findings if _adds_up(each, found)}


def waterfalls(window: FactWindow, findings: Sequence[Finding]) -> tuple[Waterfall, ...]:
    """The trace of the first exemplar of each of the first ten findings that somebody should act on."""
    graver = [each for each in findings if each.severity in _SHOWN_SEVERITIES and each.evidence]
    wanted = {each.evidence[0].trace_id for each in graver[:FINDINGS_WITH_WATERFALL]}
    traces = {trace.trace_id: trace for trace in window.traces if trace.trace_id in wanted}
    return tuple(
        waterfall_of(each, traces[each.evidence[0].trace_id])
        for each in graver[:FINDINGS_WITH_WATERFALL]
        if each.evidence[0].trace_id in traces
    )


def _ends(window: FactWindow) -> Sequence[int]:
    """When each trace ended; when its last span began, if none has ended."""
    return [max((max(span.start_ns, span.end_ns) for span in trace.spans), default=0) for trace in window.traces]


def _point(stretch: Stretch, failing: frozenset[str]) -> TimelinePoint:
    sums: Counter[str] = Counter()
    for trace in stretch.traces:
        sums.update(spans=len(trace.spans), failing=trace.trace_id in failing)
        for span in trace.spans:
            sums["leaf_errors"] += span.leaf_error
            sums["tokens"] += _tokens(span)
    return TimelinePoint(
        start=moment(stretch.start_ns),
        end=moment(stretch.end_ns),
        traces=len(stretch.traces),
        failing_traces=sums["failing"],
        spans=sums["spans"],
        leaf_errors=sums["leaf_errors"],
        tokens=sums["tokens"],
    )


def _tokens(span: SpanFact) -> int:
    return (span.input_tokens or 0) + (span.output_tokens or 0) if span.leaf_llm else 0


def _asked(part: FactWindow, detectors: Mapping[str, Detector], finding: Finding) -> Measure | None:
    """What the finding's query answers of a part of the window; None when it has no answer there."""
    query = finding.queries[0]
    detector = detector_for(detectors, query.name)
    if detector is None:
        return None
    try:
        return detector.measure(part, query.args)
    except Exception:
        return None


def _trend_point(stretch: Stretch, measure: Measure) -> TrendPoint:
    affected = len(measure.affected)
    low, high = wilson(affected, measure.opportunities)
    return TrendPoint(
        start=moment(stretch.start_ns),
        end=moment(stretch.end_ns),
        affected=affected,
        opportunities=measure.opportunities,
        ci_low=rounded_rate(low),
        ci_high=rounded_rate(high),
    )


def _adds_up(finding: Finding, found: Mapping[str, Sequence[TrendPoint]]) -> bool:
    points = found[finding.fingerprint]
    affected, of = sum(point.affected for point in points), sum(point.opportunities for point in points)
    return len(points) > 1 and (affected, of) == (finding.counts.affected_spans, finding.counts.opportunities)
