"""What a window lets a detector see: for each field the share of the spans concerned that recorded it.

Capture is often off, and a detector that looks at what was never recorded finds only its absence. So detectors
name the fields they rest on, and one whose field is recorded on (almost) no span does not look; the report
says which attributes would let it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from analysis.facts import FactWindow, SpanFact
from domain.spans import SpanKind, SpanStatus

MIN_SHARE = 0.01
"""Fields recorded on a smaller share of the spans concerned count as missing."""


class Share(NamedTuple):
    """Spans concerned by a field, and those of them that recorded it."""

    recorded: int
    concerned: int

    @property
    def is_enough(self) -> bool:
        """Whether a detector can rest on the field; a field that concerns no span stands in nobody's way."""
        return not self.concerned or (self.recorded > 0 and self.recorded >= MIN_SHARE * self.concerned)


@dataclass(frozen=True)
class Field:
    """Which attributes carry a field (OpenInference | GenAI), which spans it concerns, and when it is recorded."""

    attributes: str
    concerns: Callable[[SpanFact], bool]
    is_recorded: Callable[[SpanFact], bool]


def _any_span(span: SpanFact) -> bool:
    return True


def _answers(span: SpanFact) -> bool:
    return span.leaf_llm and span.status is not SpanStatus.ERROR


def _is_tool(span: SpanFact) -> bool:
    return span.kind is SpanKind.TOOL


def _is_recorded_answer(span: SpanFact) -> bool:
    return span.output_chars is not None or bool(span.requested)


def _is_root(span: SpanFact) -> bool:
    return not span.parent_id


FIELDS: Mapping[str, Field] = {
    "status": Field("status.code", _any_span, lambda span: span.status is not SpanStatus.UNSET),
    "durations": Field("end_time_unix_nano", _any_span, lambda span: span.end_ns >= span.start_ns > 0),
    "tool": Field(
        "tool.name on spans of kind TOOL | gen_ai.tool.name on execute_tool spans",
        lambda span: _is_tool(span) or bool(span.requested),
        lambda span: _is_tool(span) and bool(span.tool),
    ),
    "tool_arguments": Field(
        "input.value | gen_ai.tool.call.arguments", _is_tool, lambda span: span.arguments_chars is not None
    ),
    "tool_result": Field(
        "output.value | gen_ai.tool.call.result",
        lambda span: _is_tool(span) and span.status is not SpanStatus.ERROR,
        lambda span: span.result_chars is not None,
    ),
    "tool_calls": Field(
        "llm.output_messages.N.message.tool_calls | gen_ai.output.messages", _answers, _is_recorded_answer
    ),
    "tool_schemas": Field(
        "llm.tools.N.tool.json_schema | gen_ai.tool.definitions",
        lambda span: span.leaf_llm or span.declared_tools is not None,
        lambda span: span.declared_tools is not None,
    ),
    "tool_call_ids": Field(
        "tool.id, message.tool_call_id | gen_ai.tool.call.id",
        lambda span: _is_tool(span) or bool(span.answered_calls) or any(call.call_id for call in span.requested),
        lambda span: bool(span.call_id or span.answered_calls),
    ),
    "llm_output": Field(
        "llm.output_messages.N.message.content | gen_ai.output.messages", _answers, _is_recorded_answer
    ),
    "agent_output": Field(
        "output.value of AGENT spans | gen_ai.output.messages of invoke_agent spans",
        lambda span: span.kind is SpanKind.AGENT and span.status is not SpanStatus.ERROR,
        lambda span: span.output_chars is not None,
    ),
    "finish": Field("llm.finish_reason | gen_ai.response.finish_reasons", _answers, lambda span: bool(span.finish)),
    "max_tokens": Field(
        "llm.invocation_parameters | gen_ai.request.max_tokens", _answers, lambda span: span.max_tokens is not None
    ),
    "input_tokens": Field(
        "llm.token_count.prompt | gen_ai.usage.input_tokens", _answers, lambda span: span.input_tokens is not None
    ),
    "output_tokens": Field(
        "llm.token_count.completion | gen_ai.usage.output_tokens", _answers, lambda span: span.output_tokens is not None
    ),
    "cached_tokens": Field(
        "llm.token_count.prompt_details.cache_read | gen_ai.usage.cache_read.input_tokens",
        _answers,
        lambda span: span.cached_tokens is not None,
    ),
    "cost": Field(
        "llm.cost.total | gen_ai.usage.cost",
        lambda span: span.leaf_llm or span.cost_usd is not None,
        lambda span: span.cost_usd is not None,
    ),
    "arguments_json": Field(
        "input.value as JSON | gen_ai.tool.call.arguments", _is_tool, lambda span: bool(span.argument_keys)
    ),
    "task": Field("task.id or input.value of the root span", _is_root, lambda span: bool(span.task)),
    "session": Field("session.id | gen_ai.conversation.id", _is_root, lambda span: bool(span.session)),
    "versions": Field("service.version of the resource", _any_span, lambda span: bool(span.version)),
    "verdicts": Field(
        "evaluations.N.evaluation.score | gen_ai.evaluation.result events",
        lambda span: _is_root(span) or bool(span.verdicts),
        lambda span: bool(span.verdicts),
    ),
    "max_steps": Field(
        "smolagents.max_steps | gen_ai.agent.max_steps",
        lambda span: span.kind is SpanKind.AGENT,
        lambda span: span.max_steps is not None,
    ),
    "llm_input": Field(
        "llm.input_messages.N.message | gen_ai.input.messages", _answers, lambda span: span.messages is not None
    ),
}


def share(window: FactWindow, name: str) -> Share:
    """How many spans a field concerns and how many of them recorded it."""
    return window.once(_SHARES[name], small=True)


def _share_of(field: Field) -> Callable[[FactWindow], Share]:
    def counted(window: FactWindow) -> Share:
        recorded = [field.is_recorded(span) for span in window.spans() if field.concerns(span)]
        return Share(sum(recorded), len(recorded))

    return counted


_SHARES: Mapping[str, Callable[[FactWindow], Share]] = {name: _share_of(field) for name, field in FIELDS.items()}


def shares(window: FactWindow) -> Mapping[str, Share]:
    """The share of every field; who needs some of them asks for those."""
    return {name: share(window, name) for name in FIELDS}


def missing(window: FactWindow, requires: tuple[str, ...]) -> tuple[str, ...]:
    """Of the required fields those that the window does not record, as the attributes to record.

    ValueError names a field that does not exist: a detector's mistake, not the window's.
    """
    unknown = [name for name in requires if name not in FIELDS]
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; use one of: {', '.join(FIELDS)}")
    return tuple(FIELDS[name].attributes for name in requires if not share(window, name).is_enough)
