"""`halo report` and `halo finding`: results for programs and for people."""

from pathlib import Path
from typing import Any

import click

from cli.options import Nouns, json_option, limit_option
from cli.output import client, field, print_json, print_markdown, print_page, time_field
from domain.errors import PermanentError

COLUMNS = (
    ("report", field("report_id")),
    ("agent", field("agent.name")),
    ("findings", field("finding_count")),
    ("traces", field("traces")),
    ("made", time_field("generated_at")),
    ("headline", field("headline")),
)
FINDING_COLUMNS = (
    ("severity", field("severity")),
    ("status", field("status")),
    ("title", field("title")),
    ("affected", lambda item: f"{item['counts']['affected_spans']:,} of {item['counts']['opportunities']:,}"),
    ("rate", lambda item: f"{item['counts']['rate']:.1%}"),
    ("agent", field("agent.name")),
    ("report", field("report_id")),
)
SEVERITIES = ("critical", "high", "medium", "low", "info")


@click.group(cls=Nouns)
def report() -> None:
    """Reports: each completed run makes one. Ids of reports and of runs are accepted, also by unique prefix."""


@report.command()
@click.option("--agent", help="Only reports about this agent (UUID or prefix).")
@limit_option("reports", 50)
@json_option
def ls(agent: str | None, limit: int, as_json: bool) -> None:
    """List reports, newest first. Also: list."""
    found = client().listed("/reports", limit, agent=agent)
    print_page(found, COLUMNS, as_json=as_json, empty="No reports yet. `halo run create` makes one.")


@report.command()
@click.argument("report_id")
@click.option("--evidence", "evidence_file", type=click.Path(dir_okay=False), help="Also save its evidence database.")
@json_option
def get(report_id: str, evidence_file: str | None, as_json: bool) -> None:
    """Print a report: Markdown, or with --json what `halo verify` checks."""
    from api.client import segment

    halo = client()
    found: Any = halo.get(f"/reports/{segment(report_id)}")
    if evidence_file:
        _save(Path(evidence_file), halo.get_bytes(f"/runs/{segment(found['run_id'])}/evidence"))
    if as_json:
        print_json(found)
        return
    print_markdown(halo.get_bytes(f"/reports/{segment(report_id)}", format="markdown").decode())


def _save(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise PermanentError(f"{path}: cannot be written: {error.strerror or error}") from error


@report.command()
@click.option("--json", is_flag=True, expose_value=False, help="Print JSON; it always is.")
def schema() -> None:
    """Print the JSON Schema of a report."""
    from domain.report import report_schema

    print_json(report_schema())


@click.group(cls=Nouns)
def finding() -> None:
    """Findings of the latest report of each agent."""


@finding.command("ls")
@click.option("--agent", help="Only findings about this agent (UUID or prefix).")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only findings of this severity.")
@limit_option("findings", 200)
@json_option
def list_findings(agent: str | None, severity: str | None, limit: int, as_json: bool) -> None:
    """List findings, by report and impact. Also: list."""
    page = client().listed("/findings", limit, agent=agent, severity=severity)
    print_page(page, FINDING_COLUMNS, as_json=as_json, empty="No findings.")
