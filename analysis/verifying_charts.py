"""The part of verification that draws the charts' numbers again: a curve persuades more than a sentence does."""

from collections.abc import Iterator, Mapping

from analysis.charting import charts_of
from analysis.detecting import Detector
from analysis.facts import FactWindow
from analysis.verifying_values import differences
from domain.report import Report


def chart_lines(report: Report, facts: FactWindow, detectors: Mapping[str, Detector]) -> Iterator[str]:
    """Mismatches in timeline, trends and waterfalls; `detectors` answer the findings' queries."""
    charts = charts_of(facts, detectors, report.findings)
    yield from differences("timeline", charts.timeline, report.timeline)
    for at, finding in enumerate(report.findings):
        yield from differences(f"findings[{at}].trend", charts.trends.get(finding.fingerprint, ()), finding.trend)
    yield from differences("waterfalls", charts.waterfalls, report.waterfalls)
