"""Agents found in traces."""

from pydantic import Field

from api.asking import Answer, Asked, Doors, not_found
from api.objects import agent_object
from api.paging import Page, listed
from api.times import TimeRange, nanoseconds, since


class AgentQuery(Page):
    """Which agents: those that received spans within a range."""

    limit: int = Field(default=1_000, ge=1, le=1_000)
    time_range: TimeRange = "30d"


def list_agents(doors: Doors, asked: Asked) -> Answer:
    """Agents seen within `time_range`, most recently seen first."""
    query = asked.options(AgentQuery)
    found = doors.window.agents(nanoseconds(since(query.time_range, doors.now())))
    return listed(query, lambda limit, offset: found[offset : offset + limit], agent_object)


def get_agent(doors: Doors, asked: Asked) -> Answer:
    """One agent by UUID or unique prefix."""
    wanted = asked.place["id"]
    agent = doors.window.find_agent(wanted)
    if agent is None:
        raise not_found("agent", wanted)
    return Answer(agent_object(agent))
