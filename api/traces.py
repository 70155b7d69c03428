"""Traces and spans in the window."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from api.asking import Answer, Asked, Doors, not_found
from api.objects import span_object, trace_object, whole_trace
from api.paging import Page, listed
from api.times import nanoseconds, since
from domain.component import ComponentConfig
from domain.errors import PermanentError
from domain.otlp import attributes
from domain.spans import SOURCE_SPAN_ID, StoredSpan, TraceSummary
from store.base import TraceFilter

MIN_PREFIX_CHARS = 4
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
    """One span of a trace with all it carries; trace and span by id, source id or unique prefix of either."""
    trace_id, span_id = asked.place["id"], asked.place["span_id"]
    span = doors.window.span(trace_id, span_id) or _span_called(doors, trace_id, span_id)
    if span is None:
        raise not_found("span", f"{trace_id}/{span_id}")
    return Answer({"trace_id": span.trace_id, **span_object(span, 0, full=True)})


def _span_called(doors: Doors, trace_id: str, span_prefix: str) -> StoredSpan | None:
    """The one span of a trace whose id, or whose id in the file it came from, starts so; 409 when there are several."""
    if len(span_prefix) < MIN_PREFIX_CHARS:
        raise PermanentError(f"span id {span_prefix!r} is too short; give at least {MIN_PREFIX_CHARS} characters")
    trace = doors.window.trace(trace_id)
    found: list[StoredSpan] = []
    for span in trace.spans if trace else ():
        names = (span.span_id, str(attributes(span.span).get(SOURCE_SPAN_ID, span.span_id)))
        if span_prefix in names:
            return span
        if any(name.startswith(span_prefix) for name in names):
            found.append(span)
    if len(found) > 1:
        raise PermanentError(f"span id {span_prefix!r} is ambiguous: several spans start so; give more of it")
    return found[0] if found else None
