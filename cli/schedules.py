"""`halo schedule`: analyses that recur, each for one agent on a cadence."""

from collections.abc import Callable
from typing import Any

import click

from cli.options import Command, Nouns, Numbers, given, json_option, limit_option, look_options
from cli.output import Object, client, field, print_json, print_page, print_pairs, require, short_time, time_field
from rendering.escaping import one_line

COLUMNS = (
    ("id", field("id")),
    ("title", field("title")),
    ("agent", field("agent_uuid")),
    ("fires", lambda item: cadence_text(item["cadence"])),
    ("next", time_field("next_fire_at")),
    ("state", lambda item: state(item)),
)
RUN_COLUMNS = (
    ("id", field("id")),
    ("status", field("status")),
    ("conversation", field("conversation_id")),
    ("scheduled", time_field("scheduled_for")),
    ("created", time_field("created_at")),
)
FREQUENCIES = ("hourly", "daily", "weekly", "monthly")
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


@click.group(cls=Nouns)
def schedule() -> None:
    """Schedules: recurring analyses of one agent. Ids are accepted by unique prefix."""


def cadence_options(required: bool) -> Callable[[Command], Command]:
    """What a schedule is: flags of `create`, where some are required, and of `update`."""

    def decorate(command: Command) -> Command:
        for option in reversed(
            [
                click.option("--title", required=required, help="Human-readable title."),
                click.option("--agent-uuid", required=required, help="Agent to analyse, from `halo agent ls`."),
                click.option("--frequency", type=click.Choice(FREQUENCIES), required=required, help="How often."),
                click.option("--hours", type=Numbers(0, 23), help="Hours (0–23), for daily, weekly, monthly."),
                click.option("--minutes", type=Numbers(0, 59), required=required, help="Minutes (0–59)."),
                click.option("--days-of-week", type=Numbers(0, 6), help="Days (0=Sun…6=Sat), for weekly."),
                click.option("--days-of-month", type=Numbers(1, 31), help="Days (1–31), for monthly."),
                click.option(
                    "--timezone",
                    default="UTC" if required else None,
                    show_default=required,
                    help="IANA time zone of hours and days.",
                ),
                click.option(
                    "--enabled",
                    type=click.BOOL,
                    default=True if required else None,
                    show_default=required,
                    help="Whether the schedule fires.",
                ),
            ]
        ):
            command = option(command)
        return command

    return decorate


@schedule.command()
@cadence_options(required=True)
@look_options(defaults=True)
@json_option
def create(as_json: bool, **options: Any) -> None:
    """Create a schedule; each slot is analysed once, looking back --lookback-hours.

    \b
    halo schedule create --title nightly --agent-uuid ID --frequency daily --hours 3 --minutes 0
    """
    _print(client().post("/schedules", given(**options)), as_json)


@schedule.command()
@click.argument("schedule_id")
@cadence_options(required=False)
@look_options(defaults=False)
@json_option
def update(schedule_id: str, as_json: bool, **options: Any) -> None:
    """Change what is given, keep the rest; runs already started are not affected."""
    from api.client import segment

    changes = given(**options)
    require(bool(changes), "nothing to change: give at least one option")
    _print(client().patch(f"/schedules/{segment(schedule_id)}", changes), as_json)


@schedule.command()
@click.option("--include-archived", is_flag=True, help="Include archived schedules.")
@json_option
def ls(include_archived: bool, as_json: bool) -> None:
    """List schedules, newest first. Also: list."""
    found = client().listed("/schedules", 100_000, include_archived="true" if include_archived else None)
    print_page(found, COLUMNS, as_json=as_json, empty="No schedules. `halo schedule create` makes one.")


@schedule.command()
@click.argument("schedule_id")
@json_option
def get(schedule_id: str, as_json: bool) -> None:
    """Show one schedule."""
    from api.client import segment

    _print(client().get(f"/schedules/{segment(schedule_id)}"), as_json)


@schedule.command()
@click.argument("schedule_id")
@limit_option("runs", 50)
@json_option
def runs(schedule_id: str, limit: int, as_json: bool) -> None:
    """List the runs a schedule has fired, newest first."""
    from api.client import segment

    found = client().listed(f"/schedules/{segment(schedule_id)}/runs", limit)
    print_page(found, RUN_COLUMNS, as_json=as_json, empty="This schedule has not fired yet.")


@schedule.command()
@click.argument("schedule_id")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def archive(schedule_id: str, yes: bool, as_json: bool) -> None:
    """Stop a schedule from firing; `unarchive` restores it."""
    from api.client import segment

    halo = client()
    found = halo.get(f"/schedules/{segment(schedule_id)}")
    if not yes:
        click.confirm(f"Archive schedule {one_line(found['title'])!r} ({found['id']})?", abort=True, err=True)
    _print(halo.post(f"/schedules/{segment(found['id'])}/archive"), as_json)


@schedule.command()
@click.argument("schedule_id")
@json_option
def unarchive(schedule_id: str, as_json: bool) -> None:
    """Let an archived schedule fire again."""
    from api.client import segment

    _print(client().post(f"/schedules/{segment(schedule_id)}/unarchive"), as_json)


def _print(found: Object, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    options = found["options"]
    print_pairs(
        [
            ("schedule", found["id"]),
            ("title", found["title"]),
            ("agent", found["agent_uuid"]),
            ("fires", cadence_text(found["cadence"])),
            ("next", short_time(found["next_fire_at"])),
            ("last fired", short_time(found["last_fired_for"])),
            ("looks back", f"{found['lookback_hours']:g} hours"),
            ("state", state(found)),
            ("prompt", options["prompt"]),
            ("model", options["model_id"]),
        ]
    )


def cadence_text(cadence: Object) -> str:
    """`weekly Mon,Thu at 03:00 UTC` of a cadence."""
    minutes = [f"{minute:02}" for minute in cadence["minutes"]]
    if cadence["frequency"] == "hourly":
        return f"hourly at :{',:'.join(minutes)}"
    days = ",".join(_DAYS[day] for day in cadence["days_of_week"]) if cadence["frequency"] == "weekly" else ""
    if cadence["frequency"] == "monthly":
        days = f"on {','.join(map(str, cadence['days_of_month']))}"
    times = ",".join(f"{hour:02}:{minute}" for hour in cadence["hours"] for minute in minutes)
    return " ".join(part for part in (cadence["frequency"], days, f"at {times}", cadence["timezone"]) if part)


def state(found: Object) -> str:
    """archived, paused or active."""
    return "archived" if found["archived"] else "active" if found["enabled"] else "paused"
