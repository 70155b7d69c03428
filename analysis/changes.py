"""What became of the findings that were known: those of the register, and those of the last report.

The register comes first, so that a run over another window, or one that could not look, forgets nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import floor

from pydantic import TypeAdapter

from analysis.counting import counts_of, expected, splits_of, waste_of
from analysis.detecting import Measure
from analysis.facts import FactWindow
from analysis.phrases import plural
from analysis.sightings import finding_id, moment, seen_between
from analysis.standing import Before, Sight, before_of, past_rate, standing
from domain.findings import HISTORY_TOLD, KnownFinding
from domain.report import Counts, Finding, Query, Report

REMEMBERED = timedelta(days=30)
"""How long after it was last seen a finding that is not seen any more stays in reports."""
_MOST_CARRIED = 100
_NOT_SEEN, _RARE = "Not seen any more: ", "Rarely seen now: "
_STILL = "It still occurs, but too rarely to be proposed as a finding."
_KNOWN = TypeAdapter(dict[str, Before])


def known_findings(previous: Report | None, register: Sequence[KnownFinding] = ()) -> Mapping[str, KnownFinding]:
    """What is known of findings by fingerprint: what the register says, or else the last report."""
    told = [_as_known(previous, finding) for finding in previous.findings] if previous is not None else []
    return {known.finding.fingerprint: known for known in (*told, *register)}


def _as_known(report: Report, finding: Finding) -> KnownFinding:
    history = (*finding.history, past_rate(report, finding))[-HISTORY_TOLD:]
    return KnownFinding(
        id=finding.id,
        agent=report.agent,
        finding=finding,
        status=finding.status,
        first_seen=finding.first_seen,
        last_seen=finding.last_seen,
        seen=_when_seen(finding),
        first_report_id=history[0].report_id,
        last_report_id=report.report_id,
        told_at=report.generated_at,
        window_end=report.window.end,
        reports=finding.reports,
        mark=finding.mark,
        mark_reason=finding.mark_reason,
        history=history,
    )


def _when_seen(finding: Finding) -> Counts:
    """The counts of a finding in the last report that saw it, as far as this one tells."""
    if finding.counts.affected_spans:
        return finding.counts
    rates = [past for past in finding.history if past.affected]
    low, high = (rates[-1].ci_low, rates[-1].ci_high) if rates else (finding.baseline or 0.0, 1.0)
    return finding.counts.model_copy(update={"ci_low": low, "ci_high": high})


def known_of(findings: Iterable[Finding], known: Mapping[str, KnownFinding]) -> Mapping[str, Before]:
    """What was known before of the findings that a report tells."""
    told = dict.fromkeys(finding.fingerprint for finding in findings)
    return {fingerprint: before_of(known[fingerprint]) for fingerprint in told if fingerprint in known}


def known_as_text(known: Mapping[str, Before]) -> str:
    """What was known before, as an evidence bundle keeps it."""
    return _KNOWN.dump_json(dict(known)).decode()


def known_from_text(text: str) -> Mapping[str, Before]:
    """What `known_as_text` wrote; ValueError when it is something else."""
    return _KNOWN.validate_json(text)


def carried(
    window: FactWindow,
    known: Mapping[str, KnownFinding],
    present: Iterable[Finding],
    answer: Callable[[Query], Measure | None],
    *,
    now: datetime,
    until: datetime,
    report_id: str,
) -> list[tuple[Finding, Measure]]:
    """The known findings that no detector proposes now, each with today's answer to its query.

    `until` is the window's end. Left out: what another finding's queries now tell, what cannot be asked any more,
    what was last seen too long ago, and what was seen since the window's end: a look back tells nothing of it.
    """
    seen = list(present)
    told = {_key(query) for finding in seen for query in finding.queries}
    fingerprints = {finding.fingerprint for finding in seen}
    found: list[tuple[Finding, Measure]] = []
    for each in sorted(known.values(), key=_latest_first):
        finding = each.finding
        if finding.fingerprint in fingerprints or not finding.queries or _key(finding.queries[0]) in told:
            continue
        if each.last_seen > until or now - each.last_seen > REMEMBERED or len(found) == _MOST_CARRIED:
            continue
        measure = answer(finding.queries[0])
        if measure is not None:
            found.append((_carry(window, each, measure, report_id), measure))
    return found


def _latest_first(known: KnownFinding) -> tuple[bool, float, str]:
    return known.status == "resolved", -known.last_seen.timestamp(), known.finding.fingerprint


def _key(query: Query) -> tuple[str, tuple[tuple[str, object], ...]]:
    return query.name, tuple(sorted(query.args.items()))


def sight_of(window: FactWindow, measure: Measure) -> Sight | None:
    """When a window shows what a query measured; none when it does not."""
    return Sight(*map(moment, seen_between(window, measure))) if measure.affected else None


def _carry(window: FactWindow, known: KnownFinding, measure: Measure, report_id: str) -> Finding:
    finding, counts = known.finding, counts_of(measure)
    stands = standing(counts, sight_of(window, measure), before_of(known))
    return finding.model_copy(
        update={
            **stands._asdict(),
            "id": finding_id(report_id, finding.fingerprint),
            "title": carried_title(finding.title, counts),
            "severity": "info",
            "counts": counts,
            "splits": splits_of(measure),
            "waste": waste_of(window, measure.wasted),
            "figures": dict(measure.figures),
            "trend": (),
            "evidence": (),
            "queries": (finding.queries[0].model_copy(update={"expect": expected(window, measure)}),),
            "explanation": carried_explanation(counts, stands.baseline),
        }
    )


def carried_title(title: str, counts: Counts) -> str:
    """A title of an earlier report, and that its numbers are of then."""
    said = title.removeprefix(_NOT_SEEN).removeprefix(_RARE)
    return f"{_RARE if counts.affected_spans else _NOT_SEEN}{said}"


def carried_explanation(counts: Counts, baseline: float | None) -> str:
    """What today's window says of a finding of an earlier report; without a baseline it is resolved."""
    if counts.affected_spans:
        return _STILL
    if baseline is None:
        if not counts.opportunities:
            return "It was resolved before, and nothing in this window could have shown it."
        return f"None of {plural(counts.opportunities, 'opportunity')} shows it any more."
    needed = floor(3 / baseline) + 1 if baseline else 0
    return f"None of {plural(counts.opportunities, 'opportunity')} shows it; " + (
        f"{needed} are needed to call it resolved." if needed else "its rate was too low to ever call it resolved."
    )
