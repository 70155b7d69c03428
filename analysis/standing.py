"""Where a finding stands after a report: its status, its age and what was decided about it.

All of it follows from today's counts and from what was known before, so `halo verify` works it out again. The
rate to compare with is that of the last report that saw the finding: windows without an opportunity between
change nothing. Absence proves nothing without exposure: a finding counts as resolved only when the
opportunities of a window would have shown it, that is when the rule of three's upper bound of its rate lies below
the lower bound of the rate it had.
"""

from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from analysis.counting import rounded_rate
from analysis.statistics import rule_of_three
from domain.findings import HISTORY_TOLD, KnownFinding
from domain.report import Counts, Finding, FindingMark, FindingStatus, PastRate, Report

_TOLD_AGAIN: tuple[FindingStatus, ...] = ("worse", "reopened")
"""What happened to a finding that makes an acknowledgement lapse."""


class Before(BaseModel):
    """What was known of a finding before a report; `ci_low` and `ci_high` bound its rate when it was last seen.

    `bound` is a resolved finding's, `reports` the number of those that saw it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: FindingStatus
    first_seen: datetime
    last_seen: datetime
    ci_low: float
    ci_high: float
    bound: float | None = None
    reports: int
    history: tuple[PastRate, ...] = ()
    mark: FindingMark = ""
    mark_reason: str = ""


class Sight(NamedTuple):
    """When the first affected span of a window began, and the last one ended."""

    first: datetime
    last: datetime


class Standing(NamedTuple):
    """The fields of a finding that follow from what was known before."""

    status: FindingStatus
    first_seen: datetime
    last_seen: datetime
    baseline: float | None
    bound: float | None
    reports: int
    history: tuple[PastRate, ...]
    mark: FindingMark
    mark_reason: str


def before_of(known: KnownFinding) -> Before:
    """What the register's entry says that a report builds on."""
    return Before(
        status=known.status,
        first_seen=known.first_seen,
        last_seen=known.last_seen,
        ci_low=known.seen.ci_low,
        ci_high=known.seen.ci_high,
        bound=known.finding.bound,
        reports=known.reports,
        history=known.history[-HISTORY_TOLD:],
        mark=known.mark,
        mark_reason=known.mark_reason,
    )


def first_standing(sight: Sight) -> Standing:
    """Where a finding stands that nobody knew."""
    return Standing("new", sight.first, sight.last, None, None, 1, (), "", "")


def standing(counts: Counts, sight: Sight | None, before: Before) -> Standing:
    """Where a known finding stands; `sight` is none when the window does not show it."""
    if sight is None:
        return _unseen(counts, before)
    status = status_of(counts, sight.last, before)
    lapsed = before.mark == "acknowledged" and status in _TOLD_AGAIN
    return Standing(
        status=status,
        first_seen=min(sight.first, before.first_seen),
        last_seen=sight.last,
        baseline=None,
        bound=None,
        reports=before.reports + 1,
        history=before.history,
        mark="" if lapsed else before.mark,
        mark_reason="" if lapsed else before.mark_reason,
    )


def status_of(counts: Counts, last: datetime, before: Before) -> FindingStatus:
    """What became of a finding that is seen: worse or better only when the intervals do not overlap.

    A resolved one is reopened by what is younger than its last sight, not by a longer window that holds old cases.
    """
    if before.status == "resolved":
        return "reopened" if last > before.last_seen else "persisting"
    if counts.ci_low > before.ci_high:
        return "worse"
    return "better" if counts.ci_high < before.ci_low else "persisting"


def is_gone(opportunities: int, ci_low: float) -> bool:
    """Whether so many opportunities without a case rule out, at 95 %, even the lower bound of the rate there was."""
    return rule_of_three(opportunities) < ci_low


def _unseen(counts: Counts, before: Before) -> Standing:
    gone = before.status == "resolved" or is_gone(counts.opportunities, before.ci_low)
    bound = min(rule_of_three(counts.opportunities), before.bound if before.bound is not None else 1.0)
    return Standing(
        status="resolved" if gone else "persisting",
        first_seen=before.first_seen,
        last_seen=before.last_seen,
        baseline=None if gone else before.ci_low,
        bound=rounded_rate(bound) if gone else None,
        reports=before.reports,
        history=before.history,
        mark=before.mark,
        mark_reason=before.mark_reason,
    )


def past_rate(report: Report, finding: Finding) -> PastRate:
    """What a report said of a finding, as later ones tell it."""
    counts = finding.counts
    return PastRate(
        report_id=report.report_id,
        generated_at=report.generated_at,
        status=finding.status,
        affected=counts.affected_spans,
        opportunities=counts.opportunities,
        ci_low=counts.ci_low,
        ci_high=counts.ci_high,
    )
