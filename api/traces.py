"""Traces and spans in the window."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from api.asking import Answer, Asked, Doors, not_found
from api.objects import span_object, trace_object, whole_trace
from api.paging import Page, listed
from api.times import nanoseconds, since
from domain.component import ComponentConfig
from domain.spans import TraceSummary
from store.base import TraceFilter

SORTS = ("start", "duration", "spans", "tokens", "errors")


class TraceQuery(Page):
    """Which traces, in what order; a minus before the key means descending."""

    agent: str | None = None
    status: Literal["ok", "error"] | None = None
    since: str | None = None
    sort: str = Field(default="-start", pattern=f"^-?({'|'.join(SORTS)})$")


class TraceDetail(ComponentConfig):
    """How much of each span: its row, or all it carries."""

    spans: Literal["rows", "full"] = "rows"


def list_traces(doors: Doors, asked: Asked) -> Answer:
    """Trace summaries."""
    query = asked.options(TraceQuery)
    agent = doors.window.find_agent(query.agent) if query.agent else None
    if query.agent and agent is None:
        raise not_found("agent", query.agent)
    wanted = TraceFilter(
        agent_uuid=agent.uuid if agent else None,
        status=query.status,
        since_ns=nanoseconds(since(query.since, doors.now())) if query.since else None,
        sort=query.sort,
    )

    def fetch(limit: int, offset: int) -> list[TraceSummary]:
        return doors.window.list_traces(replace(wanted, limit=limit, offset=offset))

    return listed(query, fetch, trace_object)


def get_trace(doors: Doors, asked: Asked) -> Answer:
    """One trace with its spans in tree order; `spans=full` adds attributes, events, links, resource, scope."""
    wanted, detail = asked.place["id"], asked.options(TraceDetail)
    trace = doors.window.trace(wanted)
    if trace is None:
        raise not_found("trace", wanted)
    return Answer(whole_trace(trace, full=detail.spans == "full"))


def get_span(doors: Doors, asked: Asked) -> Answer:
    """One span of a trace with all it carries, by exact ids."""
    trace_id, span_id = asked.place["id"], asked.place["span_id"]
    span = doors.window.span(trace_id, span_id)
    if span is None:
        raise not_found("span", f"{trace_id}/{span_id}")
    return Answer({"trace_id": span.trace_id, **span_object(span, 0, full=True)})
