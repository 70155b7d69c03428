"""What became of a finding since the last report: identity over runs, and when something counts as gone.

Absence proves nothing without exposure. A finding that is not seen any more counts as resolved only when the
opportunities since would have shown it: the rule of three's upper bound lies below the rate it had.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from math import floor

from analysis.counting import counts_of, expected, splits_of, waste_of
from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.phrases import plural
from analysis.sightings import finding_id, moment, seen_between
from analysis.statistics import rule_of_three
from domain.report import Counts, Finding, FindingStatus, Query, Report

REMEMBERED = timedelta(days=30)
"""How long after it was last seen a finding that is not seen any more stays in reports."""
_NOT_SEEN, _RARE = "Not seen any more: ", "Rarely seen now: "
_STILL = "It still occurs, but too rarely to be proposed as a finding."


def known_findings(previous: Report | None) -> Mapping[str, Finding]:
    """The last report's findings by fingerprint."""
    return {finding.fingerprint: finding for finding in previous.findings} if previous is not None else {}


def status_of(counts: Counts, before: Finding | None) -> FindingStatus:
    """What became of a finding that is seen: worse or better only when the intervals do not overlap."""
    if before is None:
        return "new"
    if before.status == "resolved":
        return "reopened"
    if before.counts.affected_spans and counts.ci_low > before.counts.ci_high:
        return "worse"
    if counts.ci_high < before.counts.ci_low:
        return "better"
    return "persisting"


def carried(
    window: FactWindow,
    known: Mapping[str, Finding],
    present: Iterable[Finding],
    answer: Callable[[Query], Measure | None],
    now: datetime,
    report_id: str,
) -> list[Finding]:
    """The last report's findings that no detector proposes now, with today's answer to their query.

    Left out: what another finding's queries now tell, what cannot be asked any more, and what was last seen
    too long ago.
    """
    seen = list(present)
    told = {_key(query) for finding in seen for query in finding.queries}
    fingerprints = {finding.fingerprint for finding in seen}
    found = []
    for finding in known.values():
        if finding.fingerprint in fingerprints or not finding.queries or _key(finding.queries[0]) in told:
            continue
        if now - finding.last_seen > REMEMBERED:
            continue
        measure = answer(finding.queries[0])
        if measure is not None:
            found.append(_carry(window, finding, measure, report_id))
    return found


def _key(query: Query) -> tuple[str, tuple[tuple[str, object], ...]]:
    return query.name, tuple(sorted(query.args.items()))


def _carry(window: FactWindow, before: Finding, measure: Measure, report_id: str) -> Finding:
    counts = counts_of(measure)
    least = before.baseline if before.baseline is not None else before.counts.ci_low
    status: FindingStatus = "persisting"
    first_seen, last_seen = before.first_seen, before.last_seen
    if counts.affected_spans:
        status = status_of(counts, before)
        first, last_seen = (moment(each) for each in seen_between(window, measure))
        first_seen = min(first, first_seen)
    elif before.status == "resolved" or rule_of_three(counts.opportunities) < least:
        status = "resolved"
    baseline = None if status == "resolved" else least
    return before.model_copy(
        update={
            "id": finding_id(report_id, before.fingerprint),
            "title": carried_title(before.title, counts),
            "severity": "info",
            "status": status,
            "first_seen": first_seen,
            "last_seen": last_seen,
            "counts": counts,
            "splits": splits_of(measure),
            "waste": waste_of(window, measure.wasted),
            "figures": dict(measure.figures),
            "evidence": (),
            "queries": (before.queries[0].model_copy(update={"expect": expected(window, measure)}),),
            "explanation": carried_explanation(counts, baseline),
            "baseline": baseline,
        }
    )


def carried_title(title: str, counts: Counts) -> str:
    """A title of the last report, and that its numbers are of then."""
    said = title.removeprefix(_NOT_SEEN).removeprefix(_RARE)
    return f"{_RARE if counts.affected_spans else _NOT_SEEN}{said}"


def carried_explanation(counts: Counts, baseline: float | None) -> str:
    """What today's window says of a finding of the last report; without a baseline it is resolved."""
    if counts.affected_spans:
        return _STILL
    if baseline is None:
        return f"None of {plural(counts.opportunities, 'opportunity')} shows it any more."
    needed = floor(3 / baseline) + 1 if baseline else 0
    return f"None of {plural(counts.opportunities, 'opportunity')} shows it; " + (
        f"{needed} are needed to call it resolved." if needed else "its rate was too low to ever call it resolved."
    )
