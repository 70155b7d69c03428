"""`halo agent`: whose traces arrive."""

from datetime import timedelta

import click

from cli.options import DURATION, TIME_RANGES, Nouns, json_option
from cli.output import client, field, print_json, print_page, print_pairs, short_time, time_field

COLUMNS = (
    ("uuid", field("uuid")),
    ("name", field("name")),
    ("service", field("service")),
    ("traces", field("traces")),
    ("spans", field("spans")),
    ("last seen", time_field("last_seen")),
)
NO_AGENTS = "No agent has sent traces in this range. Point an OTLP exporter at the sidecar (gRPC 4317, HTTP 4318)."


@click.group(cls=Nouns)
def agent() -> None:
    """Agents found in traces. An agent's UUID starts runs and schedules; a unique prefix of it will do."""


@agent.command()
@click.option(
    "--time-range",
    type=click.Choice(TIME_RANGES),
    default="30d",
    show_default=True,
    help="How far back to look for agents, by time of arrival.",
)
@json_option
def ls(time_range: str, as_json: bool) -> None:
    """List the agents whose spans arrived lately, most recently seen first. Also: list."""
    found = client().listed("/agents", 100_000, time_range=time_range)
    print_page(found, COLUMNS, as_json=as_json, empty=NO_AGENTS)


@agent.command()
@click.argument("agent_uuid")
@click.option(
    "--last", type=DURATION, metavar="TIME", default="1h", show_default=True, help="How far back health looks."
)
@json_option
def get(agent_uuid: str, last: timedelta, as_json: bool) -> None:
    """Show one agent, and how it is doing live: failing traces, tools and errors, times, tokens, alarms."""
    from api.client import segment
    from cli.live_health import print_health
    from domain.quantities import format_duration

    span = format_duration(last)
    found = client().get(f"/agents/{segment(agent_uuid)}", last=span)
    if as_json:
        print_json(found)
        return
    shown = [(key.replace("_", " "), found[key]) for key in found if key not in ("health", "last_seen")]
    print_pairs([*shown, ("last seen", short_time(found["last_seen"]))])
    print_health(found["health"], span)
