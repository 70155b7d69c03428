"""How a finding stands, in words: its age, in how many reports, the bound of what is gone, and what was decided."""

from datetime import datetime, timedelta

from domain.report import Finding
from rendering import figures

_IN_HOURS_BELOW = timedelta(hours=48)


def standing(finding: Finding, now: datetime) -> str:
    """`persisting for 12 days, in 9 reports; acknowledged: …`; plain text, the reason is whatever somebody wrote."""
    said = _status(finding, now)
    return f"{said}; {finding.mark}: {finding.mark_reason}" if finding.mark else said


def age(since: datetime, now: datetime) -> str:
    """`12 days`; hours below two days, and at least one."""
    passed = max(now - since, timedelta(0))
    if passed < _IN_HOURS_BELOW:
        return figures.count(max(round(passed / timedelta(hours=1)), 1), "hour")
    return figures.count(round(passed / timedelta(days=1)), "day")


def _status(finding: Finding, now: datetime) -> str:
    if finding.status == "new":
        return "new"
    if finding.status == "resolved":
        bound = finding.bound
        return "resolved" if bound is None else f"resolved: its rate is at most {figures.percent(bound)} now (95 %)"
    told = f", in {figures.count(finding.reports, 'report')}" if finding.reports > 1 else ""
    known = f"{age(finding.first_seen, now)}{told}"
    return f"{finding.status} for {known}" if finding.status == "persisting" else f"{finding.status}, known for {known}"
