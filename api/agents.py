"""Agents found in traces."""

from datetime import timedelta

from pydantic import Field

from api.asking import Answer, Asked, Doors, not_found
from api.objects import agent_object
from api.paging import Page, listed
from api.times import TimeRange, nanoseconds, since
from domain.component import ComponentConfig
from domain.quantities import Duration


class AgentQuery(Page):
    """Which agents: those that received spans within a range."""

    limit: int = Field(default=1_000, ge=1, le=1_000)
    time_range: TimeRange = "30d"


class HealthQuery(ComponentConfig):
    """How far back live health looks, by the end of traces; counted in whole minutes."""

    last: Duration = Field(default=timedelta(hours=1), ge=timedelta(minutes=1), le=timedelta(days=400))


def list_agents(doors: Doors, asked: Asked) -> Answer:
    """Agents seen within `time_range`, most recently seen first."""
    query = asked.options(AgentQuery)
    found = doors.window.agents(nanoseconds(since(query.time_range, doors.now())))
    return listed(query, lambda limit, offset: found[offset : offset + limit], agent_object)


def get_agent(doors: Doors, asked: Asked) -> Answer:
    """One agent by UUID or unique prefix, with its live health; null when nobody follows the live traffic."""
    last = asked.options(HealthQuery).last
    wanted = asked.place["id"]
    agent = doors.window.find_agent(wanted)
    if agent is None:
        raise not_found("agent", wanted)
    now = doors.now()
    health = doors.health and doors.health(agent.uuid, nanoseconds(now - last), nanoseconds(now))
    return Answer({**agent_object(agent), "health": health})
