"""What a report tells: its findings in order, old ones included, and the measures behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from analysis.changes import carried, known_findings
from analysis.detecting import Detector, Measure
from analysis.evidence import ReadSpan, evidence_of
from analysis.facts import FactWindow
from analysis.findings import MAX_FINDINGS, build_finding, ranked
from analysis.looking import Looked, detector_for, unmet
from analysis.observability import missing
from analysis.outcomes import outcomes
from domain.report import Finding, Query, Report


@dataclass(frozen=True)
class Told:
    """The findings of a report, the measures behind them, and how many findings were too many."""

    findings: tuple[Finding, ...]
    measures: tuple[Measure, ...]
    explaining: tuple[Measure, ...]
    left_out: int


def findings_of(
    window: FactWindow,
    loaded: Mapping[str, Detector],
    looked: Looked,
    *,
    previous: Report | None,
    report_id: str,
    now: datetime,
    read_span: ReadSpan,
) -> Told:
    """Findings in order: what is seen, by impact, then what the last report had and is not seen any more."""
    before = known_findings(previous)
    everything = ranked(window, looked.seen, outcomes(window))
    order = everything[:MAX_FINDINGS]
    findings = [
        build_finding(
            window,
            each,
            report_id=report_id,
            before=before.get(each.fingerprint),
            evidence_of=lambda seen: evidence_of(window, seen, read_span),
        )
        for each in order
    ]
    measures = [each.measure for each in order]
    old = carried(window, before, findings, lambda query: answer(window, loaded, query), now, report_id)
    for finding in old:
        measure = answer(window, loaded, finding.queries[0])
        if measure is not None:
            findings.append(finding)
            measures.append(measure)
    explaining = tuple(each.measure for each in order if each.explains_failures)
    return Told(tuple(findings), tuple(measures), explaining, len(everything) - len(order))


def answer(window: FactWindow, loaded: Mapping[str, Detector], query: Query) -> Measure | None:
    """What a query answers today; None when its detector is off or cannot look, or does not understand it."""
    detector = detector_for(loaded, query.name)
    if detector is None:
        return None
    try:
        return None if unmet(window, detector, missing) else detector.measure(window, query.args)
    except Exception:
        return None
