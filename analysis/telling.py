"""What a report tells: its findings in order, old ones included, and the measures behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from analysis.changes import carried, known_findings, known_of
from analysis.detecting import Detector, Measure
from analysis.evidence import ReadSpan, evidence_of
from analysis.facts import FactWindow
from analysis.findings import MAX_FINDINGS, build_finding, ranked
from analysis.looking import Looked, detector_for, unmet
from analysis.observability import missing
from analysis.outcomes import outcomes
from analysis.standing import Before, before_of
from domain.findings import KnownFinding
from domain.report import Finding, Query, Report


@dataclass(frozen=True)
class Told:
    """The findings of a report, the measures behind them, how many were too many, and what was known before."""

    findings: tuple[Finding, ...]
    measures: tuple[Measure, ...]
    explaining: tuple[Measure, ...]
    left_out: int
    known: Mapping[str, Before]


@dataclass(frozen=True)
class Occasion:
    """Which report is made and when, of a window until when, and after what.

    `previous` is the agent's last report, `register` what is known of its findings beside that.
    """

    report_id: str
    now: datetime
    until: datetime
    previous: Report | None = None
    register: Sequence[KnownFinding] = ()


def findings_of(
    window: FactWindow,
    loaded: Mapping[str, Detector],
    looked: Looked,
    occasion: Occasion,
    read_span: ReadSpan,
) -> Told:
    """Findings in order: what is seen, by impact, then what was known and is not seen any more; muted ones last."""
    known = known_findings(occasion.previous, occasion.register)
    everything = ranked(window, looked.seen, outcomes(window))
    order = everything[:MAX_FINDINGS]
    findings = [
        build_finding(
            window,
            each,
            report_id=occasion.report_id,
            before=before_of(known[each.fingerprint]) if each.fingerprint in known else None,
            evidence_of=lambda seen: evidence_of(window, seen, read_span),
        )
        for each in order
    ]
    told = list(zip(findings, (each.measure for each in order), strict=True))
    told += carried(
        window,
        known,
        findings,
        lambda query: answer(window, loaded, query),
        now=occasion.now,
        until=occasion.until,
        report_id=occasion.report_id,
    )
    told.sort(key=lambda each: each[0].mark == "muted")
    explaining = tuple(each.measure for each in order if each.explains_failures)
    return Told(
        findings=tuple(finding for finding, _ in told),
        measures=tuple(measure for _, measure in told),
        explaining=explaining,
        left_out=len(everything) - len(order),
        known=known_of((finding for finding, _ in told), known),
    )


def answer(window: FactWindow, loaded: Mapping[str, Detector], query: Query) -> Measure | None:
    """What a query answers today; None when its detector is off or cannot look, or does not understand it."""
    detector = detector_for(loaded, query.name)
    if detector is None:
        return None
    try:
        return None if unmet(window, detector, missing) else detector.measure(window, query.args)
    except Exception:
        return None
