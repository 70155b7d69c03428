"""Reports, and the findings of each agent's latest one."""

from typing import Literal

from pydantic import Field

from api.asking import Answer, Asked, Doors, not_found
from api.objects import Object, plain_model, report_summary
from api.paging import MAX_LIMIT, Page, listed
from api.runs import known_agent_uuid
from domain.component import ComponentConfig
from domain.report import Report, Severity
from rendering.markdown import render

RUNS_SCANNED = 2_000


class ReportQuery(Page):
    """Which reports."""

    agent: str | None = None


class ReportFormat(ComponentConfig):
    """A report as JSON or as Markdown."""

    format: Literal["json", "markdown"] = "json"


class FindingQuery(Page):
    """Which findings of the latest reports."""

    agent: str | None = None
    severity: Severity | None = None
    limit: int = Field(default=200, ge=1, le=MAX_LIMIT)


def list_reports(doors: Doors, asked: Asked) -> Answer:
    """Summaries of reports, newest first."""
    query = asked.options(ReportQuery)
    agent_uuid = known_agent_uuid(doors, query.agent)
    return listed(
        query,
        lambda limit, offset: doors.control.reports(agent_uuid=agent_uuid, limit=limit, offset=offset),
        report_summary,
    )


def get_report(doors: Doors, asked: Asked) -> Answer:
    """One report by its id or its run's, or a unique prefix of either."""
    wanted, how = asked.place["id"], asked.options(ReportFormat)
    report = doors.control.report(wanted)
    if report is None:
        raise not_found("report", wanted)
    if how.format == "markdown":
        return Answer(render(report).encode(errors="replace"), media_type="text/markdown")
    return Answer(plain_model(report))


def list_findings(doors: Doors, asked: Asked) -> Answer:
    """The findings of the latest report of each agent, in the order of the reports."""
    query = asked.options(FindingQuery)
    items: list[Object] = []
    for report in _latest(doors, known_agent_uuid(doors, query.agent)):
        source = {"report_id": report.report_id, "run_id": report.run_id, "agent": plain_model(report.agent)}
        items += [
            {**plain_model(finding), **source}
            for finding in report.findings
            if query.severity in (None, finding.severity)
        ]
    return listed(query, lambda limit, offset: items[offset : offset + limit], lambda item: item)


def _latest(doors: Doors, agent_uuid: str | None) -> list[Report]:
    """The newest report of each agent among the last `RUNS_SCANNED` runs."""
    seen: dict[str, str] = {}
    for offset in range(0, RUNS_SCANNED, MAX_LIMIT):
        runs = doors.control.runs(agent_uuid=agent_uuid, limit=MAX_LIMIT, offset=offset)
        for run in runs:
            if run.report_id:
                seen.setdefault(run.agent_uuid, run.report_id)
        if len(runs) < MAX_LIMIT or (agent_uuid and seen):
            break
    return [report for report_id in seen.values() if (report := doors.control.report(report_id)) is not None]
