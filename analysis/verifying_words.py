"""The part of verification that reads prose: titles and explanations say numbers too."""

from collections.abc import Iterator, Sequence

from analysis.counting import waste_of
from analysis.facts import FactWindow
from analysis.findings import Ranked, explanation
from analysis.headline import headline, narrative
from analysis.impact import severity_of
from domain.report import Finding, Report


def word_lines(report: Report, facts: FactWindow, order: Sequence[Ranked]) -> Iterator[str]:
    """Mismatches between the words of a report and what its evidence lets one say.

    A model may add to explanations, fixes and the narrative; then those are claims with checks of their own,
    and only titles and severities are compared here.
    """
    places = {finding.fingerprint: at for at, finding in enumerate(report.findings)}
    for each in order:
        at = places.get(each.fingerprint)
        if at is not None:
            yield from _finding_lines(f"findings[{at}]", report, report.findings[at], facts, each)
    if report.mode == "analysis":
        if report.headline != headline(report.coverage, report.findings):
            yield f"headline: expected {headline(report.coverage, report.findings)!r}, found {report.headline!r}"
        if report.narrative_md != narrative(report.coverage, report.findings):
            yield "narrative_md: is not what the findings of this report say"


def _finding_lines(path: str, report: Report, finding: Finding, facts: FactWindow, each: Ranked) -> Iterator[str]:
    candidate, measure = each.story.lead.candidate, each.measure
    told = {
        "title": candidate.title,
        "severity": severity_of(candidate.severity, measure, each.impact, len(facts.traces)),
    }
    if report.mode == "analysis":
        told |= {
            "category": candidate.category,
            "owner": candidate.owner,
            "explanation": explanation(each.story, waste_of(facts, measure.wasted)),
            "fix": candidate.fix,
            "acceptance_query": candidate.acceptance,
        }
    for name, text in told.items():
        if getattr(finding, name) != text:
            yield f"{path}.{name}: expected {text!r}, found {getattr(finding, name)!r}"
