"""A stored trace as facts: the one place where what agents recorded becomes what detectors count.

Pure: the same bytes give the same facts, today and when a report is verified. Each span is read alone, then
the spans of the trace are related, then each fact is written with what the relations say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.arguments import argument_facts, text_hash
from analysis.error_types import error_type
from analysis.facts import RequestedCall, SpanFact, TraceFacts
from analysis.plans import planned_tools
from analysis.primitives import NONE, Structure, structure
from analysis.reading import Reading, Tools, read_spans
from domain.content import exception_of
from domain.content_arguments import RecordedArguments
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
    for at, reading in enumerate(related.readings):
        scope = related.found.scopes[at]
        calls = reading.llm.answered_calls() if reading.llm is not None else ()
        fresh = tuple(call for call in calls if (scope, call) not in answered)
        answered.update((scope, call) for call in fresh)
        yield _fact(trace_id, at, related, fresh)


def _fact(trace_id: str, at: int, related: _Related, answered: tuple[str, ...]) -> SpanFact:
    reading, found = related.readings[at], related.found
    index, tools = reading.index, related.tools.get(found.scopes[at], _NO_TOOLS)
    tool = index.tool or (index.name.removeprefix(_TOOL_OPERATION) if reading.tool is not None else "")
    arguments = argument_facts(reading.tool.arguments() if reading.tool is not None else None, tools.get(tool))
    result = reading.tool.result() if reading.tool is not None else None
    return SpanFact(
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
        tool=tool,
        call_id=reading.call_id,
        arguments_hash=arguments.hash,
        argument_keys=arguments.keys,
        arguments_problem=arguments.problem,
        arguments_chars=arguments.chars,
        result_hash="" if result is None else text_hash(result),
        result_chars=None if result is None else len(result),
        requested=tuple(_requested(reading, tools)),
        declared_tools=None if reading.tools is None else tuple(reading.tools),
        finish=reading.llm.finish_reason(reading.output or ()) if reading.llm is not None else "",
        max_tokens=reading.llm.max_tokens() if reading.llm is not None else None,
        output_chars=reading.output_chars(),
        plan_tools=_planned(reading, tools),
        parent_missing=bool(reading.parent_id) and reading.parent_id not in related.ids,
        answered_calls=answered,
    )


def _error_type(reading: Reading) -> str:
    if reading.index.status is not SpanStatus.ERROR:
        return ""
    span = reading.stored.span
    attribute = next((item.value.string_value for item in span.attributes if item.key == "error.type"), "")
    return error_type(exception_of(span), error_text(span), attribute)


def _requested(reading: Reading, tools: Tools) -> Iterator[RequestedCall]:
    """The calls of an LLM span; a tool counts as declared when any span of the scope declares it."""
    own = reading.tools
    for message in reading.output or ():
        for call in message.calls:
            tool = (own or _NO_TOOLS).get(call.name)
            tool = tools.get(call.name) if tool is None or not tool.digest else tool
            arguments = None if call.arguments is None else RecordedArguments(call.arguments)
            facts = argument_facts(arguments, tool)
            declared = None if own is None else tool is not None
            yield RequestedCall(call.call_id, call.name, facts.hash, facts.problem, declared)


def _planned(reading: Reading, tools: Tools) -> tuple[str, ...]:
    output = reading.output
    if not output or not tools or any(message.calls for message in output):
        return ()
    return planned_tools("\n".join(message.text for message in output), tools.keys())
