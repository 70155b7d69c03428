"""Runs: ask for one, watch it, stop it, fetch what it froze."""

from datetime import UTC, datetime, timedelta

from pydantic import Field

from api.asking import Answer, Asked, Doors, RequestError, not_found
from api.objects import Object, plain_model
from api.options import LookOptions
from api.paging import MAX_CURSOR, MAX_LIMIT, Page, listed
from api.times import UtcTime
from domain.component import ComponentConfig
from domain.runs import TERMINAL_STATUSES, Dataset, Run, RunStatus, RunWindow
from domain.spans import Agent


class NewRun(LookOptions):
    """The body of POST /runs; without a window the last `lookback_hours` are looked at."""

    agent_uuid: str = Field(min_length=1)
    window_start_at: UtcTime | None = None
    window_end_at: UtcTime | None = None


class RunQuery(Page):
    """Which runs."""

    agent: str | None = None
    status: RunStatus | None = None


class EventQuery(ComponentConfig):
    """Which part of a timeline: at most `limit` events after a sequence number."""

    after: int = Field(default=0, ge=0, le=MAX_CURSOR)
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT)


class CancelBody(ComponentConfig):
    """Why a run is to stop."""

    reason: str = Field(default="user-cancelled", max_length=1_000)


def create_run(doors: Doors, asked: Asked) -> Answer:
    """Queue a run in a new conversation."""
    body = asked.content(NewRun)
    agent = find_agent(doors, body.agent_uuid)
    end = body.window_end_at or doors.now()
    start = body.window_start_at or _back(end, body.lookback_hours)
    if start >= end:
        raise RequestError(
            400, f"window_start_at: {start.isoformat()} is not before the window's end {end.isoformat()}"
        )
    require_endpoint(doors, body.model_id)
    title = f"{agent.name}, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    run = doors.control.create_run(agent.uuid, RunWindow(start=start, end=end), body.run_options(), title=title)
    if run is None:
        raise RequestError(409, "this run is already waiting")
    return Answer(plain_model(run), status=201, headers={"Location": f"/api/v1/runs/{run.id}"})


def require_endpoint(doors: Doors, model_id: str | None) -> None:
    """409 when a model is wanted that nobody can be asked for."""
    if model_id and not doors.can_ask:
        raise RequestError(
            409, f"model_id: {model_id!r} cannot be asked; set engine.api_key or engine.base_url, or OPENAI_API_KEY"
        )


def retry_run(doors: Doors, asked: Asked) -> Answer:
    """Queue the same again, in a conversation of its own: same agent, window and options."""
    run = find_run(doors, asked.place["id"])
    if run.status not in TERMINAL_STATUSES:
        raise RequestError(409, f"run {run.id} has not ended: it is {run.status}")
    made = doors.control.create_run(run.agent_uuid, run.window, run.options, title=f"Again: {run.id[:8]}")
    if made is None:
        raise RequestError(409, "this run is already waiting")
    return Answer(plain_model(made), status=201, headers={"Location": f"/api/v1/runs/{made.id}"})


def _back(end: datetime, hours: float) -> datetime:
    """Some hours before a time, or the first day of the calendar."""
    try:
        return end - timedelta(hours=hours)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def find_agent(doors: Doors, uuid_prefix: str) -> Agent:
    """The agent in the window with this UUID or unique prefix; 404 without one."""
    agent = doors.window.find_agent(uuid_prefix)
    if agent is None:
        raise not_found("agent", uuid_prefix)
    return agent


def known_agent_uuid(doors: Doors, uuid_prefix: str | None) -> str | None:
    """The UUID that a filter names: of an agent in the window by prefix, of one that has left it in full; 404."""
    if not uuid_prefix:
        return None
    agent = doors.window.find_agent(uuid_prefix)
    if agent is not None:
        return agent.uuid
    if not doors.control.runs(agent_uuid=uuid_prefix, limit=1):
        raise not_found("agent", uuid_prefix)
    return uuid_prefix


def find_run(doors: Doors, id_prefix: str) -> Run:
    """The run with this id or unique prefix; 404 without one."""
    run = doors.control.run(id_prefix)
    if run is None:
        raise not_found("run", id_prefix)
    return run


def list_runs(doors: Doors, asked: Asked) -> Answer:
    """Runs, newest first."""
    query = asked.options(RunQuery)
    agent_uuid = known_agent_uuid(doors, query.agent)
    return listed(
        query,
        lambda limit, offset: doors.control.runs(
            agent_uuid=agent_uuid, status=query.status, limit=limit, offset=offset
        ),
        plain_model,
    )


def get_run(doors: Doors, asked: Asked) -> Answer:
    """One run, with the dataset it read and what became of its deliveries; never the report's text."""
    run = find_run(doors, asked.place["id"])
    dataset = Dataset(run_id=run.id, agent_uuid=run.agent_uuid, window=run.window, traces=run.traces, spans=run.spans)
    deliveries: list[Object] = [plain_model(each) for each in doors.control.deliveries(run.id)]
    return Answer({**plain_model(run), "dataset": plain_model(dataset), "deliveries": deliveries})


def cancel_run(doors: Doors, asked: Asked) -> Answer:
    """Ask for cancellation; a run that has ended cannot be cancelled."""
    body = asked.content(CancelBody)
    run = find_run(doors, asked.place["id"])
    if run.status in TERMINAL_STATUSES:
        raise RequestError(409, f"run {run.id} has already ended: {run.status}")
    return Answer(plain_model(doors.control.request_cancel(run.id, body.reason) or run), status=202)


def list_events(doors: Doors, asked: Asked) -> Answer:
    """A run's timeline; `next_cursor` is the `after` of the next page."""
    query = asked.options(EventQuery)
    run = find_run(doors, asked.place["id"])
    events = doors.control.events(run.id, after=query.after, limit=query.limit + 1)
    shown = events[: query.limit]
    more = str(shown[-1].sequence) if len(events) > query.limit else None
    return Answer({"items": [plain_model(event) for event in shown], "next_cursor": more})


def get_evidence(doors: Doors, asked: Asked) -> Answer:
    """The evidence database of a run, as `halo verify --evidence` reads it."""
    run = find_run(doors, asked.place["id"])
    evidence = doors.control.evidence(run.id)
    if evidence is None:
        raise RequestError(404, f"run {run.id} has no evidence: it is {run.status}")
    return Answer(evidence, media_type="application/vnd.sqlite3")
