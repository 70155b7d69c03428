"""Every number of a report, computed again from the facts, and every quote, looked up again in the bytes.

Nothing that the report says is trusted: counts, splits, waste and the answers of queries come from running
the queries, coverage from the facts, and what should have been found from letting the detectors look again.
One line names each mismatch: `findings[0].counts.rate: expected X, found Y`.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from analysis.counting import counts_of, expected, splits_of, waste_of
from analysis.coverage import agent_seen, breakdown, coverage_of
from analysis.detecting import Measure
from analysis.evidence import ReadSpan
from analysis.facts import FactWindow
from analysis.findings import MAX_FINDINGS, finding_id, moment, ranked, seen_between
from analysis.looking import Looked, Settings, detector_for, load_detectors, look, shipped_detectors
from analysis.observability import missing
from analysis.outcomes import Outcomes, outcomes
from analysis.verifying_quotes import quote_lines, span_lines
from analysis.verifying_words import word_lines
from domain.errors import HaloError
from domain.report import Finding, Query, Report

_MAX_LINES = 10_000
_SHOWN_CHARS = 200


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
    for source in (told.finding_lines, told.coverage_lines, lambda: quote_lines(parsed, read_span), told.other_lines):
        lines += source()
    lines += span_lines(parsed, facts, read_span)
    return lines[:_MAX_LINES]


class _Told:
    """A report beside what its evidence says."""

    def __init__(self, report: Report, facts: FactWindow, meta: Mapping[str, str], trusted: Collection[str]) -> None:
        settings = _settings(meta, trusted)
        self._report = report
        self._facts = facts
        self._meta = meta
        self._shipped = shipped_detectors() | load_detectors({name: settings[name] for name in settings if "." in name})
        self._looked: Looked = look(facts, load_detectors(settings), missing)
        self._outcomes: Outcomes = outcomes(facts)
        self._order = ranked(facts, self._looked.seen, self._outcomes)[:MAX_FINDINGS]
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
                yield from _differences(f"{path}.queries[{place}].expect", expected(self._facts, measure), query.expect)
                if place == 0:
                    self._measures[at] = measure
                    yield from self._own_lines(path, finding, measure)

    def _own_lines(self, path: str, finding: Finding, measure: Measure) -> Iterator[str]:
        if finding.queries[0].name != finding.detector:
            yield f"{path}.queries[0].name: expected {finding.detector!r}, found {finding.queries[0].name!r}"
        if finding.id != (own := finding_id(self._report.report_id, finding.fingerprint)) and measure.affected:
            yield f"{path}.id: expected {own!r}, found {finding.id!r}"
        yield from _differences(f"{path}.counts", counts_of(measure), finding.counts)
        yield from _differences(f"{path}.splits", splits_of(measure), finding.splits)
        yield from _differences(f"{path}.waste", waste_of(self._facts, measure.wasted), finding.waste)
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
                f"cannot be recomputed from its arguments ({type(error).__name__}: {str(error)[:_SHOWN_CHARS]})",
            )

    def coverage_lines(self) -> Iterator[str]:
        """Mismatches in the coverage and in the breakdown by agent; call after `finding_lines`."""
        beside = {each.fingerprint for each in self._order if not each.explains_failures}
        explaining = [measure for at, measure in self._measures.items() if self._explains(at, beside)]
        excluded, dropped = int(self._meta["excluded_traces"]), int(self._meta["dropped_spans"])
        coverage = coverage_of(
            self._facts, self._looked, self._outcomes, explaining, excluded_traces=excluded, dropped_spans=dropped
        )
        yield from _differences("coverage", coverage, self._report.coverage)
        yield from _differences("agents", breakdown(self._facts, tuple(self._measures.values())), self._report.agents)
        agent = agent_seen(self._facts, self._report.agent)
        yield from _differences("agent", agent, self._report.agent)

    def _explains(self, at: int, beside: Collection[str]) -> bool:
        finding = self._report.findings[at]
        return finding.severity != "info" and finding.fingerprint not in beside

    def other_lines(self) -> Iterator[str]:
        """Findings that are missing, and words that say other numbers than the report's."""
        present = {finding.fingerprint for finding in self._report.findings}
        for each in self._order:
            if each.fingerprint not in present:
                yield f"findings: {each.fingerprint} ({each.story.lead.candidate.title}) is missing"
        yield from word_lines(self._report, self._facts, self._order)


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


def _differences(path: str, told: object, found: object) -> Iterator[str]:
    """A line for each leaf in which what the evidence tells and what the report says differ."""
    if isinstance(told, BaseModel) and isinstance(found, BaseModel):
        yield from _differences(path, dict(told), dict(found))
    elif isinstance(told, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*told, *found)):
            if key not in told or key not in found:
                yield f"{path}.{key}: {_versus(told.get(key), found.get(key))}"
            else:
                yield from _differences(f"{path}.{key}", told[key], found[key])
    elif isinstance(told, tuple) and isinstance(found, tuple):
        if len(told) != len(found):
            yield f"{path}: expected {len(told)} entries, found {len(found)}"
        for at, (one, other) in enumerate(zip(told, found, strict=False)):
            yield from _differences(f"{path}[{at}]", one, other)
    elif told != found or isinstance(told, bool) is not isinstance(found, bool):
        yield f"{path}: {_versus(told, found)}"


def _versus(told: object, found: object) -> str:
    return f"expected {_shown(told)}, found {_shown(found)}"


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)[:_SHOWN_CHARS]
