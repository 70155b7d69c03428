"""The part of verification that works out again what became of each finding since earlier reports.

What was known before is no part of the window, so the evidence bundle keeps it: statuses, ages, bounds, histories
and marks must follow from that and from today's counts. A bundle of an earlier version keeps none of it.
"""

from collections.abc import Iterator, Mapping

from analysis.changes import known_from_text, sight_of
from analysis.counting import counts_of
from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.standing import Before, Sight, Standing, first_standing, standing
from analysis.verifying_values import differences
from domain.report import Finding, Report

KNOWN = "known_findings"
"""Where a bundle's `meta` keeps what was known."""
_NOBODY_SAW = "nobody knew this finding before and the window does not show it"


def change_lines(
    report: Report, facts: FactWindow, meta: Mapping[str, str], measures: Mapping[int, Measure]
) -> Iterator[str]:
    """Mismatches between what findings say of their past and what follows from it; `measures` are theirs by place."""
    yield from _place_lines(report)
    if KNOWN not in meta:
        return
    try:
        known = known_from_text(meta[KNOWN])
    except ValueError:
        yield f"evidence.meta: {KNOWN}: expected what was known of findings by fingerprint"
        return
    for at, measure in sorted(measures.items()):
        yield from _own_lines(f"findings[{at}]", report.findings[at], measure, facts, known)


def _place_lines(report: Report) -> Iterator[str]:
    """Whoever mutes a finding wants to read the others first."""
    muted = [finding.mark == "muted" for finding in report.findings]
    if muted != sorted(muted):
        yield f"findings[{muted.index(True)}].mark: is muted, but is not told after all others"


def _own_lines(
    path: str, finding: Finding, measure: Measure, facts: FactWindow, known: Mapping[str, Before]
) -> Iterator[str]:
    stands = _stands(measure, sight_of(facts, measure), known.get(finding.fingerprint))
    if stands is None:
        yield f"{path}.status: {_NOBODY_SAW}"
        return
    for name, told in stands._asdict().items():
        yield from differences(f"{path}.{name}", told, getattr(finding, name))


def _stands(measure: Measure, sight: Sight | None, before: Before | None) -> Standing | None:
    if before is None:
        return first_standing(sight) if sight is not None else None
    return standing(counts_of(measure), sight, before)
