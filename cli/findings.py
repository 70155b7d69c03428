"""`halo finding`: what fails systematically, over all reports, and what was decided about it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from cli.options import Nouns, json_option, limit_option
from cli.output import (
    Object,
    client,
    field,
    print_heading,
    print_json,
    print_page,
    print_pairs,
    print_table,
    short_time,
    time_field,
)
from rendering.escaping import one_line
from rendering.sparklines import sparkline

SEVERITIES = ("critical", "high", "medium", "low", "info")
STATUSES = ("new", "persisting", "worse", "better", "resolved", "reopened")
RATES_SHOWN = 20
NO_FINDINGS = "No findings. `halo run create` looks for them; --all lists resolved and muted ones too."
COLUMNS = (
    ("id", field("id")),
    ("severity", field("severity")),
    ("status", field("status")),
    ("title", field("title")),
    ("rate", lambda item: rate_text(item["counts"]["affected_spans"], item["counts"]["opportunities"])),
    ("age", lambda item: age(item)),
    ("reports", field("reports")),
    ("mark", field("mark")),
    ("agent", field("agent.name")),
    ("last seen", time_field("last_seen")),
)
RATE_COLUMNS = (
    ("made", time_field("generated_at")),
    ("status", field("status")),
    ("affected", lambda past: f"{past['affected']:,} of {past['opportunities']:,}"),
    ("rate", lambda past: rate_text(past["affected"], past["opportunities"])),
    ("95 % interval", lambda past: f"{past['ci_low']:.1%} to {past['ci_high']:.1%}"),
    ("report", field("report_id")),
)


@click.group(cls=Nouns)
def finding() -> None:
    """Findings of each agent over all its reports. Ids and fingerprints are accepted, also by unique prefix."""


@finding.command()
@click.option("--agent", help="Only findings about this agent (UUID or prefix).")
@click.option("--status", type=click.Choice(STATUSES), help="Only findings that stand so.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only findings of this severity.")
@click.option("--all", "everything", is_flag=True, help="Resolved and muted findings too.")
@limit_option("findings", 200)
@json_option
def ls(
    agent: str | None, status: str | None, severity: str | None, everything: bool, limit: int, as_json: bool
) -> None:
    """List findings, the most severe first; resolved and muted ones with --all or by --status. Also: list."""
    is_open = None if everything or status else "true"
    found = client().listed("/findings", limit, agent=agent, status=status, severity=severity, open=is_open)
    print_page(found, COLUMNS, as_json=as_json, empty=NO_FINDINGS)


@finding.command()
@click.argument("finding_id")
@json_option
def get(finding_id: str, as_json: bool) -> None:
    """Show one finding: how it stands, its rate in every report, and where it was last quoted."""
    found = client().get(_path(finding_id))
    if as_json:
        print_json(found)
        return
    print_pairs(_about(found))
    rates = found["history"]
    print_heading(f"\nHistory, {len(rates)} report{'' if len(rates) == 1 else 's'}: {_line(rates)}")
    print_table(rates[: -RATES_SHOWN - 1 : -1], RATE_COLUMNS, empty="No report of it is kept.")
    if len(rates) > RATES_SHOWN:
        click.echo(f"{len(rates) - RATES_SHOWN} older ones are in --json.", err=True)


@finding.command()
@click.argument("finding_id")
@click.option("--reason", required=True, help="Why; reports tell it.")
@json_option
def mute(finding_id: str, reason: str, as_json: bool) -> None:
    """Tell a finding last and alarm nobody with it, until `halo finding unmute`."""
    _print_marked(client().post(f"{_path(finding_id)}/mute", {"reason": reason}), as_json, "Muted")


@finding.command()
@click.argument("finding_id")
@click.option("--reason", required=True, help="Why; reports tell it.")
@json_option
def ack(finding_id: str, reason: str, as_json: bool) -> None:
    """Acknowledge a finding: reports tell the reason with it, until it becomes worse or comes back."""
    _print_marked(client().post(f"{_path(finding_id)}/ack", {"reason": reason}), as_json, "Acknowledged")


@finding.command()
@click.argument("finding_id")
@json_option
def unmute(finding_id: str, as_json: bool) -> None:
    """Take a mute or an acknowledgement back."""
    _print_marked(client().post(f"{_path(finding_id)}/unmute"), as_json, "No longer marked")


def _path(finding_id: str) -> str:
    from api.client import segment

    return f"/findings/{segment(finding_id)}"


def _print_marked(found: Object, as_json: bool, said: str) -> None:
    if as_json:
        print_json(found)
        return
    click.echo(f"{said}: finding {found['id']}, {one_line(found['title'])}")


def _about(found: Object) -> Iterator[tuple[str, object]]:
    yield "id", found["id"]
    yield "title", found["title"]
    yield "agent", f"{found['agent']['name']} ({found['agent']['uuid']})"
    yield "severity", f"{found['severity']}, confidence {found['confidence']}, owner {found['owner']}"
    yield "status", _standing(found)
    if found["mark"]:
        yield "mark", f"{found['mark']} at {short_time(found['marked_at'])}: {found['mark_reason']}"
    yield "seen", f"{short_time(found['first_seen'])} to {short_time(found['last_seen'])}, in {_reports(found)}"
    yield "detector", f"{found['detector']}, fingerprint {found['fingerprint']}"
    if found["exemplar"]:
        quoted = found["exemplar"]
        trace, span = (quoted[f"source_{name}_id"] or quoted[f"{name}_id"] for name in ("trace", "span"))
        yield "last example", f"trace {trace}, span {span}, {quoted['field']} (report {found['exemplar_report_id']})"
    yield "last report", found["report_id"]
    yield "explanation", found["finding"]["explanation"]
    yield "fix", found["finding"]["fix"]


def _standing(found: Object) -> str:
    parts = [found["status"]]
    if found["resolved_at"]:
        parts.append(f"at {short_time(found['resolved_at'])}")
    if found["bound"] is not None:
        parts.append(f"its rate is at most {found['bound']:.1%} now")
    if found["reopened"]:
        parts.append(f"reopened {found['reopened']} time{'' if found['reopened'] == 1 else 's'}")
    return ", ".join(parts)


def _reports(found: Object) -> str:
    return f"{found['reports']:,} report{'' if found['reports'] == 1 else 's'}"


def rate_text(affected: int, opportunities: int) -> str:
    """A rate as a percentage; a dash when there was no opportunity."""
    return f"{affected / opportunities:.1%}" if opportunities else "-"


def age(found: Object) -> str:
    """How long a finding has been seen: days, or hours of a young one."""
    first, last = (datetime.fromisoformat(found[name]) for name in ("first_seen", "last_seen"))
    hours = (last - first).total_seconds() / 3600
    if hours < 1:
        return "< 1 h"
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h"


def _line(rates: list[dict[str, Any]]) -> str:
    return sparkline(past["affected"] / past["opportunities"] if past["opportunities"] else None for past in rates)
