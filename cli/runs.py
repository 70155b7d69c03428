"""`halo run`: start analyses and follow them."""

import sys
import time
from typing import Any

import click

from cli.agents import NO_AGENTS
from cli.options import TIME_RANGES, Nouns, given, json_option, limit_option, look_options
from cli.output import (
    Object,
    client,
    details,
    field,
    print_json,
    print_page,
    print_pairs,
    require,
    short_time,
    time_field,
)
from rendering.escaping import one_line

COLUMNS = (
    ("id", field("id")),
    ("status", field("status")),
    ("agent", field("agent_uuid")),
    ("origin", field("origin")),
    ("trigger", field("trigger.kind")),
    ("window start", time_field("window.start")),
    ("window end", time_field("window.end")),
    ("created", time_field("created_at")),
)
STATUSES = (
    "queued", "starting", "running", "completed", "incomplete", "failed", "cancelled", "timed_out", "no_traces",
)  # fmt: skip
EXIT_INCOMPLETE = 3
NO_TRACES = (
    "No trace of the agent ended in this window, which goes by the end of traces; "
    "--window-start-at and --window-end-at choose another"
)


@click.group(cls=Nouns)
def run() -> None:
    """Runs: one analysis of one agent over one window. Ids are accepted by unique prefix."""


@run.command()
@click.option("--agent-uuid", help="Agent to analyse, from `halo agent ls`; asked for on a terminal.")
@click.option("--window-start-at", metavar="ISO", help="Window start.  [default: end minus --lookback-hours]")
@click.option("--window-end-at", metavar="ISO", help="Window end.  [default: now]")
@look_options(defaults=True)
@click.option(
    "--agent-time-range",
    type=click.Choice(TIME_RANGES),
    default="30d",
    show_default=True,
    help="How far back to look for agents when asking for one.",
)
@json_option
def create(agent_uuid: str | None, agent_time_range: str, as_json: bool, **options: Any) -> None:
    """Start an analysis of one agent over one time window."""
    halo = client()
    if agent_uuid is None:
        require(
            not as_json and is_interactive(),
            "--agent-uuid: required with --json and without a terminal; `halo agent ls` lists agents",
        )
        agent_uuid = _pick_agent(halo.listed("/agents", 100, time_range=agent_time_range)["items"])
    made = halo.post("/runs", given(agent_uuid=agent_uuid, **options))
    if as_json:
        print_json(made)
        return
    click.echo(f"Created run {made['id']}")
    _print_run(made)
    click.echo(f"\nFollow it:        halo run poll {made['id']}", err=True)
    click.echo(f"Read its report:  halo conversation get {made['conversation_id']}", err=True)


def is_interactive() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin.isatty()


def _pick_agent(agents: list[Object]) -> str:
    """Ask which agent; the question goes to stderr, so that stdout stays what the command prints."""
    require(bool(agents), NO_AGENTS)
    for number, agent in enumerate(agents, 1):
        click.echo(f"{number:>3}  {one_line(agent['name'])}  ({one_line(agent['service'])}, {agent['uuid']})", err=True)
    chosen: int = click.prompt("Agent", type=click.IntRange(1, len(agents)), default=1, err=True)
    return str(agents[chosen - 1]["uuid"])


@run.command()
@click.argument("run_id")
@click.option(
    "--interval", type=click.FloatRange(0.1), metavar="S", default=5, show_default=True, help="Seconds between polls."
)
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="S", default=1800, show_default=True, help="Seconds to wait in all."
)
@json_option
def poll(run_id: str, interval: float, timeout: float, as_json: bool) -> None:
    """Wait until a run has ended. Exits 0 only when it completed; 3 when its report is incomplete."""
    from cli.polling import poll_run

    ended = poll_run(client(), run_id, interval, timeout, sleep=time.sleep, clock=time.monotonic)
    if as_json:
        print_json(ended)
    else:
        _print_run(ended)
    if ended["status"] == "completed":
        click.echo(f"\nRead its report:  halo conversation get {ended['conversation_id']}", err=True)
        return
    if ended["status"] == "no_traces":
        click.echo(f"\n{NO_TRACES}", err=True)
    sys.exit(EXIT_INCOMPLETE if ended["status"] == "incomplete" else 1)


@run.command()
@click.argument("run_id")
@json_option
def get(run_id: str, as_json: bool) -> None:
    """Show a run, the dataset it read and its deliveries. The report is in its conversation."""
    from api.client import segment

    found = client().get(f"/runs/{segment(run_id)}")
    if as_json:
        print_json(found)
        return
    _print_run(found)
    for delivery in found["deliveries"]:
        error = f": {one_line(delivery['last_error'])}" if delivery["last_error"] else ""
        attempts = "1 attempt" if delivery["attempts"] == 1 else f"{delivery['attempts']} attempts"
        click.echo(f"{delivery['exporter']}: {delivery['status']}, {attempts}{error}")


def _print_run(found: Object) -> None:
    window = f"{short_time(found['window']['start'])} to {short_time(found['window']['end'])}"
    times = [(name, short_time(found[f"{name}_at"])) for name in ("created", "started", "finished")]
    print_pairs(
        [
            ("run", found["id"]),
            ("conversation", found["conversation_id"]),
            ("status", found["status"]),
            ("agent", found["agent_uuid"]),
            ("window", window),
            ("traces", found["traces"]),
            ("spans", found["spans"]),
            ("report", found["report_id"]),
            ("origin", found["origin"]),
            ("schedule", found["schedule_id"]),
            ("trigger", _trigger(found["trigger"])),
            *[(name, value) for name, value in times if value != "-"],
            ("cancel reason", found["cancel_reason"]),
            ("error", found["error"]),
        ]
    )


def _trigger(trigger: Object | None) -> str | None:
    """`error burst: lookup fails in 12 of 20 calls`, and what else was on."""
    if trigger is None:
        return None
    also = ", ".join(str(kind).replace("_", " ") for kind in trigger["also"])
    return f"{str(trigger['kind']).replace('_', ' ')}: {trigger['text']}{f' (also {also})' if also else ''}"


@run.command()
@click.argument("run_id")
@json_option
def retry(run_id: str, as_json: bool) -> None:
    """Run the same again: same agent, window and options, in a conversation of its own."""
    from api.client import segment

    made = client().post(f"/runs/{segment(run_id)}/retry", {})
    if as_json:
        print_json(made)
        return
    click.echo(f"Created run {made['id']}")
    click.echo(f"Follow it:  halo run poll {made['id']}", err=True)


@run.command()
@click.argument("run_id")
@limit_option("events", 100)
@click.option("--follow", is_flag=True, help="Go on until the run has ended, one line an event.")
@json_option
def events(run_id: str, limit: int, follow: bool, as_json: bool) -> None:
    """List a run's timeline."""
    from api.client import segment

    if follow:
        require(not as_json, "--follow: prints lines; leave out --json")
        from cli.polling import follow_events

        return follow_events(client(), run_id, sleep=time.sleep)
    page = client().listed(f"/runs/{segment(run_id)}/events", limit, cursor_name="after")
    columns = (
        ("seq", field("sequence")),
        ("type", field("type")),
        ("created", time_field("created_at")),
        ("details", lambda item: details(item["payload"])),
    )
    print_page(page, columns, as_json=as_json, empty="No events yet.")


@run.command()
@click.argument("run_id")
@click.option("--reason", default="user-cancelled", show_default=True, help="Reason recorded for the cancellation.")
@json_option
def cancel(run_id: str, reason: str, as_json: bool) -> None:
    """Ask a run to stop."""
    from api.client import segment

    found = client().post(f"/runs/{segment(run_id)}/cancel", {"reason": reason})
    if as_json:
        print_json(found)
    else:
        click.echo(f"Run {found['id']} is {found['status']}; cancellation asked for: {one_line(reason)}")


@run.command()
@click.option("--agent", help="Only runs of this agent.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs in this state.")
@limit_option("runs", 50)
@json_option
def ls(agent: str | None, status: str | None, limit: int, as_json: bool) -> None:
    """List runs, newest first. Also: list."""
    found = client().listed("/runs", limit, agent=agent, status=status)
    print_page(found, COLUMNS, as_json=as_json, empty="No runs yet. `halo run create` starts one.")
