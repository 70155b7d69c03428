"""Schedules: recurring analyses of one agent.

A request is flat, like the flags of `halo schedule create`; the answer nests cadence and options as the domain
does. What a cadence needs, and when it fires next, the scheduler's own rules say.
"""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import Field

from api.asking import Answer, Asked, Doors, RequestError, not_found
from api.objects import plain_model
from api.options import LookOptions
from api.paging import Page, listed
from api.runs import find_agent
from domain.errors import ConfigError
from domain.runs import Cadence, Frequency, RunOptions, Schedule
from domain.settings import read_settings
from scheduler.cadence import cadence_problems, next_fire, tidied, used_fields

_CADENCE = ("frequency", "minutes", "hours", "days_of_week", "days_of_month", "timezone")
_DIRECT = ("title", "lookback_hours", "enabled")


class NewSchedule(LookOptions):
    """The body of POST /schedules."""

    title: str = Field(min_length=1, max_length=200, description="Human-readable title.")
    agent_uuid: str = Field(min_length=1, description="The agent to analyse, or a unique prefix of its UUID.")
    frequency: Frequency = Field(description="hourly, daily, weekly or monthly.")
    minutes: tuple[int, ...] = Field(description="Minutes, 0 to 59.")
    hours: tuple[int, ...] = Field(default=(), description="Hours, 0 to 23, unless hourly.")
    days_of_week: tuple[int, ...] = Field(default=(), description="Days, 0 for Sunday to 6, when weekly.")
    days_of_month: tuple[int, ...] = Field(default=(), description="Days, 1 to 31, when monthly.")
    timezone: str = Field(default="UTC", description="IANA time zone of hours and days.")
    enabled: bool = Field(default=True, description="Whether it fires.")


class ScheduleQuery(Page):
    """Which schedules."""

    include_archived: bool = Field(default=False, description="Include archived schedules.")


def create_schedule(doors: Doors, asked: Asked) -> Answer:
    """Create a schedule for an agent in the window."""
    body = asked.content(NewSchedule)
    cadence = _cadence(body)
    agent = find_agent(doors, body.agent_uuid)
    made = doors.control.create_schedule(
        body.title,
        agent.uuid,
        cadence,
        lookback_hours=body.lookback_hours,
        options=body.run_options(),
        enabled=body.enabled,
    )
    made = _with_next_fire(doors, made)
    return Answer(plain_model(made), status=201, headers={"Location": f"/api/v1/schedules/{made.id}"})


def update_schedule(doors: Doors, asked: Asked) -> Answer:
    """Change the fields that are given; the result must be a valid schedule as a whole."""
    schedule = find_schedule(doors, asked.place["id"])
    if not isinstance(asked.body, dict) or not asked.body:
        raise RequestError(400, "nothing to change: the body must be a JSON object with at least one field")
    given: Mapping[str, Any] = asked.body
    body = read_settings(NewSchedule, "", {**_kept(schedule, given), **given})
    changes: dict[str, Any] = {name: getattr(body, name) for name in _DIRECT if name in given}
    if "agent_uuid" in given:
        changes["agent_uuid"] = find_agent(doors, body.agent_uuid).uuid
    if any(name in given for name in _CADENCE):
        changes["cadence"] = _cadence(body)
    if any(name in given for name in RunOptions.model_fields):
        changes["options"] = body.run_options()
    return _changed(doors, schedule, changes)


def archive_schedule(doors: Doors, asked: Asked) -> Answer:
    """Stop a schedule from firing."""
    return _changed(doors, find_schedule(doors, asked.place["id"]), {"archived": True})


def unarchive_schedule(doors: Doors, asked: Asked) -> Answer:
    """Let an archived schedule fire again, from its next slot on."""
    return _changed(doors, find_schedule(doors, asked.place["id"]), {"archived": False})


def list_schedules(doors: Doors, asked: Asked) -> Answer:
    """Schedules, newest first."""
    query = asked.options(ScheduleQuery)
    found = doors.control.schedules(include_archived=query.include_archived)
    return listed(query, lambda limit, offset: found[offset : offset + limit], plain_model)


def get_schedule(doors: Doors, asked: Asked) -> Answer:
    """One schedule."""
    return Answer(plain_model(find_schedule(doors, asked.place["id"])))


def list_runs(doors: Doors, asked: Asked) -> Answer:
    """The runs a schedule has fired, newest first."""
    query = asked.options(Page)
    schedule = find_schedule(doors, asked.place["id"])
    return listed(
        query,
        lambda limit, offset: doors.control.runs(schedule_id=schedule.id, limit=limit, offset=offset),
        plain_model,
    )


def find_schedule(doors: Doors, id_prefix: str) -> Schedule:
    """The schedule with this id or unique prefix; 404 without one."""
    schedule = doors.control.schedule(id_prefix)
    if schedule is None:
        raise not_found("schedule", id_prefix)
    return schedule


def _cadence(body: NewSchedule) -> Cadence:
    """The cadence of a body; ConfigError with all its problems."""
    cadence = tidied(Cadence(**{name: getattr(body, name) for name in _CADENCE}))
    problems = cadence_problems(cadence)
    if problems:
        raise ConfigError(problems)
    return cadence


def _kept(schedule: Schedule, given: Mapping[str, Any]) -> dict[str, Any]:
    """A schedule as the body that would create it, less the lists that a new frequency has no use for."""
    cadence, options = schedule.cadence.model_dump(), schedule.options.model_dump()
    frequency: Any = given.get("frequency")
    if frequency in get_args(Frequency):
        unused = {name for name, value in cadence.items() if isinstance(value, tuple)} - {*used_fields(frequency)}
        cadence = {name: value for name, value in cadence.items() if name not in unused}
    own = {name: getattr(schedule, name) for name in (*_DIRECT, "agent_uuid")}
    return {**own, **cadence, **options}


def _changed(doors: Doors, schedule: Schedule, changes: Mapping[str, Any]) -> Answer:
    changed = doors.control.update_schedule(schedule.id, changes)
    if changed is None:
        raise not_found("schedule", schedule.id)
    return Answer(plain_model(_with_next_fire(doors, changed)))


def _with_next_fire(doors: Doors, schedule: Schedule) -> Schedule:
    """The schedule with its next fire counted from now; none while it does not fire."""
    fires = schedule.enabled and not schedule.archived
    upcoming = next_fire(schedule.cadence, doors.now()) if fires else None
    return doors.control.update_schedule(schedule.id, {"next_fire_at": upcoming}) or schedule
