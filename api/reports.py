"""Reports: one for each run that completed."""

from typing import Literal

from api.asking import Answer, Asked, Doors, not_found
from api.objects import plain_model, report_summary
from api.paging import Page, listed
from api.runs import known_agent_uuid
from domain.component import ComponentConfig
from domain.report import Report
from rendering.brief import open_briefs
from rendering.markdown import render


class ReportQuery(Page):
    """Which reports."""

    agent: str | None = None


class ReportFormat(ComponentConfig):
    """How a report is shown; without it JSON, or HTML to whoever accepts that."""

    format: Literal["json", "markdown", "html", "brief"] | None = None


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
    match how.format or ("html" if "text/html" in asked.accept else "json"):
        case "markdown":
            return Answer(_encoded(render(report)), media_type="text/markdown")
        case "brief":
            return Answer(_encoded(open_briefs(report)), media_type="text/plain")
        case "html":
            return _page(report)
        case _:
            return Answer(plain_model(report))


def _page(report: Report) -> Answer:
    from rendering.html import page, policy  # brings the templates with it, which nobody waits for at start

    headers = {
        "Content-Security-Policy": f"{policy()}; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept",
    }
    return Answer(_encoded(page(report)), media_type="text/html", headers=headers)


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")
