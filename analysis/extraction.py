"""A stored trace as facts: the one place where what agents recorded becomes what detectors count.

Pure: the same bytes give the same facts, today and when a report is verified. Each span is read alone, then
the spans of the trace are related, then each fact is written with what the relations say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.error_types import error_type
from analysis.extraction_answers import answer_facts
from analysis.extraction_calls import Calls
from analysis.extraction_runs import grounded, last_answers, task_of, told_by_any
from analysis.facts import SpanFact, TraceFacts
from analysis.histories import Histories
from analysis.primitives import NONE, Structure, structure
from analysis.reading import Reading, Tools, read_spans
from domain.content import exception_of
from domain.content_tools import DeclaredTool
from domain.semconv import error_text
from domain.spans import SpanStatus, StoredTrace

_MAX_NS = 2**63 - 1  # what a database keeps
_TOOL_OPERATION = "execute_tool "
_TASK_CHARS = 400
_NO_TOOLS: Tools = {}


@dataclass(frozen=True, slots=True)
class _Related:
    """The readings of a trace, and what holds between them, position by position."""

    readings: Sequence[Reading]
    found: Structure
    ids: frozenset[str]
    tools: dict[int, dict[str, DeclaredTool]]  # by scope
    agents: Sequence[str]

    def id_at(self, at: int) -> str:
        """The span id at a position."""
        return self.readings[at].span_id if at != NONE else ""


def trace_facts(trace: StoredTrace) -> TraceFacts:
    """The facts of a trace, in the order of its spans."""
    summary = trace.summary
    readings = read_spans(trace.spans)
    found = structure([reading.node() for reading in readings])
    related = _Related(
        readings,
        found,
        frozenset(reading.span_id for reading in readings),
        _tools_by_scope(readings, found),
        _agents(readings, found, summary.agent_name),
    )
    return TraceFacts(
        trace_id=summary.trace_id,
        agent_uuid=summary.agent_uuid,
        agent=summary.agent_name,
        service=summary.service,
        complete=summary.complete,
        spans=tuple(_facts(summary.trace_id, related)),
    )


def _tools_by_scope(readings: Sequence[Reading], found: Structure) -> dict[int, dict[str, DeclaredTool]]:
    """All tools declared in a scope; of one name a declaration with a schema wins."""
    tools: dict[int, dict[str, DeclaredTool]] = {}
    seen: set[tuple[int, int]] = set()
    for at, reading in enumerate(readings):
        if reading.tools and (found.scopes[at], id(reading.tools)) not in seen:
            seen.add((found.scopes[at], id(reading.tools)))
            known = tools.setdefault(found.scopes[at], {})
            for name, tool in reading.tools.items():
                if name not in known or (tool.digest and not known[name].digest):
                    known[name] = tool
    return tools


def _agents(readings: Sequence[Reading], found: Structure, owner: str) -> list[str]:
    """The agent each span works for: named by the span, or by the nearest AGENT around it, or the trace's.

    A nested AGENT span without a name has the one under which its caller manages it.
    """
    names = {NONE: owner}
    agents = []
    for at, reading in enumerate(readings):
        scope, path = found.scopes[at], []
        while scope not in names:
            path.append(scope)
            scope = _caller(found, scope)
        name = names[scope]
        for step in reversed(path):
            name = names[step] = readings[step].named_agent or _managed_name(readings, found, step) or name
        agents.append(reading.named_agent or name)
    return agents


def _caller(found: Structure, agent: int) -> int:
    """The scope in which an AGENT span was called."""
    parent = found.parents[agent]
    return found.scopes[parent] if parent != NONE else NONE


def _managed_name(readings: Sequence[Reading], found: Structure, at: int) -> str:
    """The only agent that the caller manages, or the one that the task quotes by name."""
    caller = _caller(found, at)
    calling = readings[caller].agent if caller != NONE else None
    names = calling.managed_agents() if calling is not None else ()
    if len(names) < 2:
        return names[0] if names else ""
    called = readings[at].agent
    task = (called.input_value() or "")[:_TASK_CHARS] if called is not None else ""
    return next((name for name in names if f"'{name}'" in task), "")


def _facts(trace_id: str, related: _Related) -> Iterator[SpanFact]:
    """Each span's fact; a call that several messages of a scope answer is reported by the first."""
    answered: set[tuple[int, str]] = set()
    calls, histories = Calls(), Histories()
    last, task = last_answers(related.found), None
    for at, reading in enumerate(related.readings):
        scope = related.found.scopes[at]
        told = told_by_any(reading)
        if not reading.parent_id:
            told["task"] = task = task_of(related.readings) if task is None else task
        if reading.tool is not None:
            tool = _tool(reading)
            told["tool"] = tool
            told |= calls.facts(scope, reading, tool, related.tools.get(scope, _NO_TOOLS).get(tool))
        elif reading.llm is not None:
            told |= answer_facts(reading, related.tools.get(scope, _NO_TOOLS))
            ids = reading.llm.answered_calls()
            told["answered_calls"] = tuple(call for call in ids if (scope, call) not in answered)
            answered.update((scope, call) for call in ids)
            if related.found.leaf_llms[at]:
                told |= histories.facts(scope, reading)
                if last.get(scope) == at:
                    told |= grounded(related.readings, related.found, at, histories.last(scope))
        yield _fact(trace_id, at, related, told)


def _tool(reading: Reading) -> str:
    return reading.index.tool or reading.index.name.removeprefix(_TOOL_OPERATION)


def _fact(trace_id: str, at: int, related: _Related, told: Mapping[str, Any]) -> SpanFact:
    """The fact of a span; `told` holds the fields that its kind and its content fill."""
    reading, found = related.readings[at], related.found
    index, tools = reading.index, reading.tools
    fact = SpanFact(
        trace_id=trace_id,
        span_id=reading.span_id,
        parent_id=reading.parent_id,
        scope_id=related.id_at(found.scopes[at]),
        issuer_id=related.id_at(found.issuers[at]),
        service=index.service,
        version=reading.version,
        agent=related.agents[at],
        name=index.name,
        kind=index.kind,
        start_ns=min(index.start_ns, _MAX_NS),
        end_ns=min(index.end_ns, _MAX_NS),
        status=index.status,
        leaf_error=found.leaf_errors[at],
        error_type=_error_type(reading),
        error_template=index.error or "",
        provider=index.provider or "",
        model=index.model or "",
        input_tokens=index.input_tokens,
        output_tokens=index.output_tokens,
        leaf_llm=found.leaf_llms[at],
        tool="",
        call_id=reading.call_id,
        arguments_hash="",
        argument_keys="",
        arguments_problem="",
        arguments_chars=None,
        result_hash="",
        result_chars=None,
        requested=(),
        declared_tools=None if tools is None else tuple(tools),
        finish="",
        max_tokens=None,
        output_chars=reading.output_chars(),
        plan_tools=(),
        parent_missing=bool(reading.parent_id) and reading.parent_id not in related.ids,
        answered_calls=(),
    )
    for name, value in told.items():
        setattr(fact, name, value)
    return fact


def _error_type(reading: Reading) -> str:
    if reading.index.status is not SpanStatus.ERROR:
        return ""
    span = reading.stored.span
    attribute = next((item.value.string_value for item in span.attributes if item.key == "error.type"), "")
    return error_type(exception_of(span), error_text(span), attribute)
