"""Properties of whole traces that failing ones may share: what was used, what went wrong, how it ended.

A property is known by its kind and a value (a tool, an error text). It has the traces that show it and those that
could have: a tool cannot fail where it was not called. Kinds in `CONSEQUENCES` follow from failing or are a way of
failing, so they never explain it. Kinds in `ERRORS` are what a root's error status says again. Kinds in
`OF_LENGTH` come with many calls, so only traces of comparable length are compared.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from analysis.completeness import structural_gaps, unanswered_requests
from analysis.facts import FactWindow, SpanFact, TraceFacts
from analysis.failures import failures
from analysis.outcomes import without_final_answer
from domain.spans import SpanKind, SpanStatus

REPEATS, STREAK, FEW_CALLS = 3, 5, 3
CONSEQUENCES = frozenset(
    ("few_calls", "no_tool_call", "no_final_answer", "never_returned", "unfinished", "ends_with", "ends_on_error")
)
ERRORS = frozenset(("error", "tool_failed", "ends_on_error", "unfinished", "no_final_answer"))
OF_LENGTH = frozenset(("repeats_call", "same_tool_streak"))
_ENDINGS = {"refusal": "a refusal", "giving_up": "giving up", "intent": "announcing what comes next"}
_USUAL = 0.8


class Property(NamedTuple):
    """What some traces have: `value` is the tool, model, agent, error text or phrase, "" where the kind says all."""

    kind: str
    value: str = ""


@dataclass
class Showing:
    """The traces that show a property, each with the first span that does; `among` are those that could have."""

    shown: dict[str, str] = field(default_factory=dict)  # trace id → span id
    among: frozenset[str] | None = None  # None: all of the window


def trace_properties(window: FactWindow) -> Mapping[Property, Showing]:
    """Every property that any trace of a window shows."""
    found: dict[Property, Showing] = defaultdict(Showing)
    users: dict[str, set[str]] = defaultdict(set)
    for trace in window.traces:
        for each, span in _of_trace(trace):
            found[each].shown.setdefault(trace.trace_id, span.span_id)
            if each.kind == "uses_tool":
                users[each.value].add(trace.trace_id)
    for each, span in _of_window(window):
        found[each].shown.setdefault(span.trace_id, span.span_id)
    for each, seen in found.items():
        if each.kind == "tool_failed":
            seen.among = frozenset(users[each.value])
    return dict(found)


def _of_trace(trace: TraceFacts) -> Iterator[tuple[Property, SpanFact]]:
    """What the spans of one trace show, each with a span that does."""
    calls: Counter[tuple[str, str, str]] = Counter()
    run: dict[str, tuple[str, int]] = {}
    for span in trace.spans:
        if span.kind is SpanKind.TOOL and span.tool:
            yield from _of_call(span)
            if span.arguments_hash:
                calls[span.scope_id, span.tool, span.arguments_hash] += 1
                if calls[span.scope_id, span.tool, span.arguments_hash] == REPEATS:
                    yield Property("repeats_call"), span
            tool, length = run.get(span.scope_id, ("", 0))
            run[span.scope_id] = span.tool, length + 1 if tool == span.tool else 1
            if run[span.scope_id][1] == STREAK:
                yield Property("same_tool_streak"), span
        elif span.leaf_llm:
            yield from _of_answer(span)
        elif span.kind is SpanKind.AGENT and span.parent_id and span.agent and span.agent != trace.agent:
            yield Property("calls_agent", span.agent), span
    yield from _of_ending(trace)


def _of_call(span: SpanFact) -> Iterator[tuple[Property, SpanFact]]:
    yield Property("uses_tool", span.tool), span
    if span.status is SpanStatus.ERROR:
        yield Property("tool_failed", span.tool), span
    if span.soft_error:
        yield Property("tool_reports_error", span.tool), span
    if span.arguments_problem:
        yield Property("unfit_arguments", span.tool), span


def _of_answer(span: SpanFact) -> Iterator[tuple[Property, SpanFact]]:
    if span.model:
        yield Property("uses_model", span.model), span
    if span.leaked_call:
        yield Property("call_as_text"), span
    if span.finish.casefold() in ("length", "max_tokens"):
        yield Property("answer_cut_off"), span
    if any(call.declared is False for call in span.requested):
        yield Property("unknown_tool_requested"), span


def _of_ending(trace: TraceFacts) -> Iterator[tuple[Property, SpanFact]]:
    """How the trace's own scope ended: with what words, and whether on a failed call."""
    own = [span for span in trace.spans if span.leaf_llm or (span.kind is SpanKind.TOOL and span.tool)]
    answers = [span for span in own if span.leaf_llm]
    calls = [span for span in own if not span.leaf_llm]
    if answers and answers[-1].phrases:
        for phrase in answers[-1].phrases:
            if phrase in _ENDINGS:
                yield Property("ends_with", phrase), answers[-1]
    if calls and calls[-1].status is SpanStatus.ERROR:
        yield Property("ends_on_error"), calls[-1]


def _of_window(window: FactWindow) -> Iterator[tuple[Property, SpanFact]]:
    """What shows only beside the other traces of an agent, or across spans."""
    for failure in window.once(failures).values():
        yield Property("error", failure.cause), failure.span
    for request in window.once(unanswered_requests):
        yield Property("never_returned"), request.span
    for gap, spans in window.once(structural_gaps).items():
        if gap != "missing_parent":
            for span in spans:
                yield Property("unfinished"), span
    for traces in _by_agent(window.traces):
        yield from _without_result(traces)
        yield from _hardly_acting(traces)
    silent = window.once(without_final_answer)
    for trace in window.traces:
        if trace.trace_id in silent:
            yield Property("no_final_answer"), trace.roots[0]


def _hardly_acting(traces: Iterable[TraceFacts]) -> Iterator[tuple[Property, SpanFact]]:
    """Traces with few tool calls of an agent that usually makes more."""
    counts = [(trace, sum(span.kind is SpanKind.TOOL for span in trace.spans)) for trace in traces]
    if median(count for _, count in counts) > FEW_CALLS:
        for trace, count in counts:
            first = trace.roots[0] if trace.roots else trace.spans[0]
            if count <= FEW_CALLS:
                yield Property("few_calls"), first
            if not count:
                yield Property("no_tool_call"), first


def _without_result(traces: Iterable[TraceFacts]) -> Iterator[tuple[Property, SpanFact]]:
    """Tool calls without a result where 80 % and more of an agent's have one, and those that never ended."""
    calls = [span for trace in traces for span in trace.spans if span.kind is SpanKind.TOOL and span.tool]
    good = [span for span in calls if span.status is not SpanStatus.ERROR]
    recorded = sum(span.result_chars is not None for span in good)
    is_usual = recorded >= _USUAL * len(good)
    for span in calls:
        lacks_result = is_usual and span.status is SpanStatus.UNSET and span.result_chars is None
        if not span.end_ns or lacks_result:
            yield Property("never_returned"), span


def _by_agent(traces: Iterable[TraceFacts]) -> Iterable[list[TraceFacts]]:
    found: dict[str, list[TraceFacts]] = defaultdict(list)
    for trace in traces:
        if trace.spans:
            found[trace.agent_uuid].append(trace)
    return found.values()


def said(each: Property, quoted_value: str) -> str:
    """What traces with a property do, after "runs that": `quoted_value` is its value, made safe to print."""
    value = _ENDINGS[each.value] if each.kind == "ends_with" else quoted_value
    return _SAID[each.kind].format(value=value)


_SAID: Mapping[str, str] = {
    "uses_tool": "use the tool {value}",
    "tool_failed": "see the tool {value} fail",
    "tool_reports_error": "get an error in a result of {value}",
    "unfit_arguments": "call {value} with arguments that do not fit",
    "uses_model": "use the model {value}",
    "calls_agent": "call the agent {value}",
    "call_as_text": "write a tool call as text",
    "answer_cut_off": "have an answer cut off at the length limit",
    "unknown_tool_requested": "ask for a tool that does not exist",
    "error": "meet the error {value}",
    "repeats_call": f"make one call {REPEATS} times or more",
    "same_tool_streak": f"call one tool {STREAK} times in a row or more",
    "few_calls": f"make {FEW_CALLS} tool calls or fewer",
    "no_tool_call": "make no tool call",
    "no_final_answer": "end without a final answer",
    "never_returned": "have a tool that never returned",
    "unfinished": "never end",
    "ends_with": "end on {value}",
    "ends_on_error": "end on a failed tool call",
}
KINDS: Set[str] = frozenset(_SAID)
"""Every kind of property."""
