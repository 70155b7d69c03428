"""`halo report`: results for programs and for people."""

import json
from pathlib import Path
from typing import Any

import click

from cli.options import Nouns, json_option, limit_option
from cli.output import client, field, print_json, print_markdown, print_page, require, time_field
from domain.errors import PermanentError

COLUMNS = (
    ("report", field("report_id")),
    ("agent", field("agent.name")),
    ("findings", field("finding_count")),
    ("traces", field("traces")),
    ("made", time_field("generated_at")),
    ("headline", field("headline")),
)
FORMATS = {"md": "markdown", "json": "json", "html": "html", "brief": "brief"}
"""Formats by the names that the API has for them."""


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
@click.option("--brief", is_flag=True, help="Only what is pasted into a coding agent; the same as --format brief.")
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(FORMATS)),
    help="Markdown, JSON (what `halo verify` checks), one HTML page, or the brief.  [default: md]",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write it to a file instead.")
@click.option("--evidence", "evidence_file", type=click.Path(dir_okay=False), help="Also save its evidence database.")
@json_option
def get(
    report_id: str, brief: bool, form: str | None, output: str | None, evidence_file: str | None, as_json: bool
) -> None:
    """Print a report: Markdown, JSON with --json, only what to fix with --brief."""
    from api.client import segment

    chosen = {each for each, given in (("brief", brief), ("json", as_json), (form, form)) if each and given}
    require(len(chosen) < 2, "--brief, --json and --format: choose one")
    wanted = chosen.pop() if chosen else "md"
    halo = client()
    path = f"/reports/{segment(report_id)}"
    if evidence_file:
        found: Any = halo.get(path)
        _save(Path(evidence_file), halo.get_bytes(f"/runs/{segment(found['run_id'])}/evidence"))
    if wanted == "json":
        as_object = halo.get(path)
        return _save_json(output, as_object) if output else print_json(as_object)
    content = halo.get_bytes(path, format=FORMATS[wanted])
    if output:
        _save(Path(output), content.rstrip(b"\n") + b"\n")
    elif wanted == "md":
        print_markdown(content.decode())
    else:
        click.echo(content.decode())


def _save_json(output: str, found: object) -> None:
    _save(Path(output), json.dumps(found, indent=2).encode() + b"\n")


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
