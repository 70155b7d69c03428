"""Every number of a report, computed again from the facts, and every quote, looked up again in the bytes.

Nothing that the report says is trusted: counts, splits, waste and the answers of queries come from running
the queries, coverage from the facts, and what should have been found from letting the detectors look again.
One line names each mismatch: `findings[0].counts.rate: expected X, found Y`.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from analysis.claims import Checker, claims_of, entered, ledger_of
from analysis.counting import counts_of, expected, splits_of, waste_of
from analysis.coverage import agent_seen, breakdown, coverage_of
from analysis.detecting import Measure
from analysis.evidence import ReadSpan, evidence_of
from analysis.facts import FactWindow
from analysis.findings import MAX_FINDINGS, ranked
from analysis.looking import Looked, Settings, detector_for, load_detectors, look, shipped_detectors
from analysis.observability import missing
from analysis.outcomes import Outcomes, outcomes
from analysis.sightings import finding_id, moment, seen_between
from analysis.verifying_changes import change_lines
from analysis.verifying_charts import chart_lines
from analysis.verifying_frame import frame_lines
from analysis.verifying_inquiry import inquiry_lines, refused_lines
from analysis.verifying_quotes import quote_lines, span_lines
from analysis.verifying_values import SHOWN_CHARS, differences
from analysis.verifying_words import word_lines
from domain.claims import RefusedClaim
from domain.errors import HaloError
from domain.report import Evidence, Finding, Query, Report
from domain.version import VERSION

_MAX_LINES = 10_000


def verify(
    report: Report | Mapping[str, Any],
    facts: FactWindow,
    read_span: ReadSpan,
    meta: Mapping[str, str],
    *,
    trusted_detectors: Collection[str] = (),
) -> list[str]:
    """A line for each thing in a report that its evidence does not bear out; empty when all is confirmed.

    `report` may be JSON that somebody edited. `read_span` reads the spans that it cites; `meta` is the
    evidence bundle's. A report can name any detector, so only shipped ones are run, and of those from
    elsewhere the `trusted_detectors`.
    """
    try:
        parsed = report if isinstance(report, Report) else Report.model_validate(report)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        return [f"{place or 'report'}: not a report: {first['msg'][:1].lower()}{first['msg'][1:]}{more}"]
    try:
        told = _Told(parsed, facts, meta, trusted_detectors)
    except (HaloError, ValueError) as error:
        return [f"evidence.meta: {error}"]
    lines: list[str] = []
    for source in (told.finding_lines, told.coverage_lines, lambda: told.quote_lines(read_span), told.other_lines):
        lines += source()
    lines += span_lines(parsed, facts, read_span)
    if not lines:
        lines += told.claim_lines(read_span)
        lines += told.unclaimed_lines(read_span)
    if not lines:
        lines += told.inquiry_lines(read_span)
    return list(dict.fromkeys(lines))[:_MAX_LINES]


class _Told:
    """A report beside what its evidence says."""

    def __init__(self, report: Report, facts: FactWindow, meta: Mapping[str, str], trusted: Collection[str]) -> None:
        settings = _settings(meta, trusted)
        self._report = report
        self._facts = facts
        self._meta = meta
        self._of_analysis = report.mode == "analysis" or report.inquiry is not None
        self._as_told = meta.get("halo_version", VERSION) == VERSION
        self._shipped = shipped_detectors() | load_detectors({name: settings[name] for name in settings if "." in name})
        self._looked: Looked = look(facts, load_detectors(settings), missing)
        self._outcomes: Outcomes = outcomes(facts)
        everything = ranked(facts, self._looked.seen, self._outcomes)
        self._order = everything[:MAX_FINDINGS]
        self._left_out = len(everything) - len(self._order)
        self._measures: dict[int, Measure] = {}

    def finding_lines(self) -> Iterator[str]:
        """Mismatches in the numbers of findings and of their queries."""
        for at, finding in enumerate(self._report.findings):
            path = f"findings[{at}]"
            if not finding.queries:
                yield f"{path}.queries: expected at least one query, found none"
            for place, query in enumerate(finding.queries):
                measure, problem = self._ask(query)
                if measure is None:
                    yield f"{path}.queries[{place}]: {problem}"
                    continue
                yield from differences(f"{path}.queries[{place}].expect", expected(self._facts, measure), query.expect)
                if place == 0:
                    self._measures[at] = measure
                    yield from self._own_lines(path, finding, measure)

    def _own_lines(self, path: str, finding: Finding, measure: Measure) -> Iterator[str]:
        if finding.queries[0].name != finding.detector:
            yield f"{path}.queries[0].name: expected {finding.detector!r}, found {finding.queries[0].name!r}"
        if finding.id != (own := finding_id(self._report.report_id, finding.fingerprint)):
            yield f"{path}.id: expected {own!r}, found {finding.id!r}"
        yield from differences(f"{path}.counts", counts_of(measure), finding.counts)
        yield from differences(f"{path}.splits", splits_of(measure), finding.splits)
        yield from differences(f"{path}.waste", waste_of(self._facts, measure.wasted), finding.waste)
        yield from differences(f"{path}.figures", dict(measure.figures), finding.figures)
        if measure.affected:
            first, last = (moment(each) for each in seen_between(self._facts, measure))
            if finding.last_seen != last:
                yield f"{path}.last_seen: expected {last.isoformat()}, found {finding.last_seen.isoformat()}"
            if finding.first_seen > first or (finding.status == "new" and finding.first_seen != first):
                yield f"{path}.first_seen: expected {first.isoformat()}, found {finding.first_seen.isoformat()}"

    def _ask(self, query: Query) -> tuple[Measure | None, str]:
        """What a query answers, or why it cannot be asked."""
        detector = detector_for(self._shipped, query.name)
        if detector is None:
            return None, f"there is no detector {query.name!r}"
        try:
            return detector.measure(self._facts, query.args), ""
        except Exception as error:
            return (
                None,
                f"cannot be recomputed from its arguments ({type(error).__name__}: {str(error)[:SHOWN_CHARS]})",
            )

    def coverage_lines(self) -> Iterator[str]:
        """Mismatches in the coverage and in the breakdown by agent; call after `finding_lines`."""
        beside = {each.fingerprint for each in self._order if not each.explains_failures}
        explaining = [measure for at, measure in self._measures.items() if self._explains(at, beside)]
        excluded, dropped = int(self._meta["excluded_traces"]), int(self._meta["dropped_spans"])
        coverage = coverage_of(
            self._facts, self._looked, self._outcomes, explaining, excluded_traces=excluded, dropped_spans=dropped
        )
        yield from differences("coverage", coverage, self._report.coverage)
        yield from differences("agents", breakdown(self._facts, tuple(self._measures.values())), self._report.agents)
        agent = agent_seen(self._facts, self._report.agent)
        yield from differences("agent", agent, self._report.agent)

    def _explains(self, at: int, beside: Collection[str]) -> bool:
        finding = self._report.findings[at]
        return finding.severity != "info" and finding.fingerprint not in beside

    def quote_lines(self, read_span: ReadSpan) -> Iterator[str]:
        """Quotes that are not where the report says, or not those that its findings call for."""
        if not self._of_analysis or not self._as_told:
            return quote_lines(self._report, read_span, None)
        seen = {each.fingerprint: each.story.lead for each in self._order}

        def called_for(finding: Finding) -> tuple[Evidence, ...]:
            lead = seen.get(finding.fingerprint)
            return () if lead is None else evidence_of(self._facts, lead, read_span)

        return quote_lines(self._report, read_span, called_for)

    def claim_lines(self, read_span: ReadSpan) -> Iterator[str]:
        """Verdicts of the ledger that are not ours, and sums that do not add up."""
        said = self._report.claims
        check = self._checker(read_span).check
        ledger = tuple(
            each if isinstance(each.claim, RefusedClaim) else check(each.claim, each.about) for each in said.ledger
        )
        yield from refused_lines(self._report)
        yield from differences("claims", entered(ledger), said)

    def unclaimed_lines(self, read_span: ReadSpan) -> Iterator[str]:
        """What the findings call for and the ledger does not hold; tells nothing where the findings are wrong."""
        if not self._of_analysis or not self._as_told:
            return
        due = ledger_of(claims_of(self._report.findings), self._checker(read_span).check).ledger
        said = self._report.claims.ledger
        of_model = self._report.mode == "model"
        if len(due) > len(said) or (len(due) < len(said) and not of_model):
            yield f"claims.ledger: expected {len(due)} entries, found {len(said)}"
        else:
            yield from differences("claims.ledger", due, said[: len(due)])

    def inquiry_lines(self, read_span: ReadSpan) -> Iterator[str]:
        """What a model added and the evidence does not bear out; call after the ledger was checked."""
        own = sum(1 for _ in claims_of(self._report.findings))
        return inquiry_lines(self._report, self._facts, self._shipped, read_span, own)

    def _checker(self, read_span: ReadSpan) -> Checker:
        return Checker(self._facts, self._shipped, read_span)

    def other_lines(self) -> Iterator[str]:
        """Findings that are missing or misplaced, and words that say other than the evidence does.

        Only this version's reports are held to these: another version words, orders and proposes differently.
        """
        if not self._as_told:
            return
        present = [finding.fingerprint for finding in self._report.findings]
        for each in self._order:
            if each.fingerprint not in present:
                yield f"findings: {each.fingerprint} ({each.story.lead.candidate.title}) is missing"
        yield from self._order_lines(present)
        yield from change_lines(self._report, self._facts, self._meta, self._measures)
        yield from word_lines(self._report, self._facts, self._order, self._measures)
        yield from frame_lines(self._report, self._meta, self._looked.notes, self._left_out)
        yield from chart_lines(self._report, self._facts, self._shipped)

    def _order_lines(self, present: Sequence[str]) -> Iterator[str]:
        for at, identity in enumerate(present):
            if identity in present[:at]:
                yield f"findings[{at}].fingerprint: {identity} is told before, at findings[{present.index(identity)}]"
        muted = {finding.fingerprint for finding in self._report.findings if finding.mark == "muted"}
        for quiet in (False, True):
            order = [fp for each in self._order if (fp := each.fingerprint) in present and (fp in muted) is quiet]
            there = [identity for identity in dict.fromkeys(present) if (identity in muted) is quiet]
            for told, found in zip(order, there, strict=False):
                if told != found:
                    yield f"findings: expected {told} at place {present.index(found) + 1} by impact, found {found}"
                    return


def _settings(meta: Mapping[str, str], trusted: Collection[str]) -> Settings:
    """The detectors' settings of a bundle, without detectors from elsewhere that are not trusted; ValueError."""
    for name in ("excluded_traces", "dropped_spans", "detectors"):
        if name not in meta:
            raise ValueError(f"{name} is missing, so the coverage cannot be recomputed")
    int(meta["excluded_traces"]), int(meta["dropped_spans"])
    settings = json.loads(meta["detectors"])
    if not isinstance(settings, dict):
        raise ValueError("detectors: expected settings by detector")
    return {name: values for name, values in settings.items() if "." not in name or name in trusted}
