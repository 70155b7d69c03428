"""The part of verification that reads prose: titles and explanations say numbers too."""

from collections.abc import Iterator, Mapping, Sequence

from analysis.changes import carried_explanation, carried_title
from analysis.counting import counts_of, waste_of
from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.findings import Ranked, confidence_of, explanation, queries_of
from analysis.headline import headline, narrative
from analysis.impact import severity_of
from analysis.verifying_values import differences
from domain.report import Counts, Finding, Query, Report


def word_lines(
    report: Report, facts: FactWindow, order: Sequence[Ranked], measures: Mapping[int, Measure]
) -> Iterator[str]:
    """Mismatches between the words of a report and what its evidence lets one say; `measures` are its findings'.

    What a model adds stands apart (`inquiry`) and has checks of its own. A report in mode "model" without that is of
    another making, and only its titles and severities are compared here.
    """
    places = {finding.fingerprint: at for at, finding in enumerate(report.findings)}
    for each in order:
        at = places.get(each.fingerprint)
        if at is not None:
            yield from _finding_lines(f"findings[{at}]", report, report.findings[at], facts, each)
    if _is_of_analysis(report):
        proposed = {each.fingerprint for each in order}
        for at, finding in enumerate(report.findings):
            if finding.fingerprint not in proposed and at in measures:
                yield from _told(f"findings[{at}]", finding, _of_an_old_one(finding, counts_of(measures[at])))
        if report.headline != headline(report.coverage, report.findings):
            yield f"headline: expected {headline(report.coverage, report.findings)!r}, found {report.headline!r}"
        if report.narrative_md != narrative(report.coverage, report.findings):
            yield "narrative_md: is not what the findings of this report say"


def _finding_lines(path: str, report: Report, finding: Finding, facts: FactWindow, each: Ranked) -> Iterator[str]:
    candidate, measure = each.story.lead.candidate, each.measure
    told: dict[str, object] = {
        "title": candidate.title,
        "severity": severity_of(candidate.severity, measure, each.impact, len(facts.traces)),
    }
    if _is_of_analysis(report):
        counts = counts_of(measure)
        told |= {
            "category": candidate.category,
            "owner": candidate.owner,
            "confidence": confidence_of(counts, candidate.confidence),
            "explanation": explanation(each.story, waste_of(facts, measure.wasted)),
            "fix": candidate.fix,
            "acceptance_query": candidate.acceptance,
            "baseline": None,
        }
        yield from differences(f"{path}.queries", _asked(queries_of(facts, each.story)), _asked(finding.queries))
    if finding.status == "resolved":
        yield f"{path}.status: 'resolved', though it is seen"
    yield from _told(path, finding, told)


def _is_of_analysis(report: Report) -> bool:
    """Whether all but an inquiry is the analysis's own."""
    return report.mode == "analysis" or report.inquiry is not None


def _asked(queries: Sequence[Query]) -> tuple[dict[str, object], ...]:
    """What queries ask; what they expect is checked by asking them."""
    return tuple({"name": query.name, "args": query.args} for query in queries)


def _of_an_old_one(finding: Finding, counts: Counts) -> Mapping[str, object]:
    """What is said of a finding of the last report that no detector proposes now."""
    return {
        "title": carried_title(finding.title, counts),
        "severity": "info",
        "explanation": carried_explanation(counts, finding.baseline),
    }


def _told(path: str, finding: Finding, told: Mapping[str, object]) -> Iterator[str]:
    for name, value in told.items():
        if (found := getattr(finding, name)) != value:
            yield f"{path}.{name}: expected {value!r}, found {found!r}"
