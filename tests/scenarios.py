"""A scenario of an agent's work, told once, and what a dialect must say to record it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from domain.otlp import PlainValue, Span
from tests.spans import make_span

MODEL = "gpt-4o-mini"


class Asked(NamedTuple):
    """A tool call, and what came of it; `error` makes its span fail."""

    call_id: str
    tool: str
    arguments: dict[str, PlainValue]
    result: str
    error: str | None = None


class Step(NamedTuple):
    """One answer of the model and the calls it asks for."""

    text: str
    calls: tuple[Asked, ...] = ()
    finish: str = "stop"


class Said(NamedTuple):
    """One message of the history; `call_id` is that of the call a tool's message answers."""

    role: str
    text: str
    calls: tuple[Asked, ...] = ()
    call_id: str = ""


@dataclass(frozen=True)
class Scenario:
    """A system prompt, a question, tools by name with the schema of their arguments, and what then happened."""

    steps: tuple[Step, ...]
    tools: Mapping[str, dict[str, PlainValue]]
    system: str = "You are a weather bot."
    user: str = "Weather in Paris?"
    max_tokens: int = 200


class Turn(NamedTuple):
    """One model call: the history it was given, its answer, and the scenario around it."""

    history: tuple[Said, ...]
    step: Step
    scenario: Scenario


class Recorded(NamedTuple):
    """What a dialect writes on one span."""

    name: str
    attributes: dict[str, PlainValue]
    events: tuple[Span.Event, ...] = ()


@dataclass(frozen=True)
class Dialect:
    """How a dialect records a model call and a tool call; `cannot` names facts that it has no place for."""

    model: Callable[[Turn], Recorded]
    tool: Callable[[Asked], Recorded]
    cannot: frozenset[str] = frozenset()


def spans(scenario: Scenario, dialect: Dialect, trace_id: bytes) -> list[Span]:
    """The trace of a scenario: a root agent, and under it each model call with the tool calls it asked for."""
    numbers, clock = count(2), count(1)
    history = [Said("system", scenario.system), Said("user", scenario.user)]
    made = []
    for step in scenario.steps:
        turn = Turn(tuple(history), step, scenario)
        made.append(_span(next(numbers), next(clock), dialect.model(turn), trace_id, None))
        history.append(Said("assistant", step.text, step.calls))
        for call in step.calls:
            made.append(_span(next(numbers), next(clock), dialect.tool(call), trace_id, call.error))
            history.append(Said("tool", call.error or call.result, call_id=call.call_id))
    root = {"openinference.span.kind": "AGENT", "agent.name": "weather_agent"}
    return [make_span(1, root, name="run", end_s=next(clock), trace_id=trace_id), *made]


def _span(number: int, at: int, recorded: Recorded, trace_id: bytes, error: str | None) -> Span:
    attributes, name = recorded.attributes, recorded.name
    span = make_span(
        number, attributes, parent=1, name=name, start_s=at, end_s=at + 0.5, error=error, trace_id=trace_id
    )
    span.events.extend(recorded.events)
    return span


def turns(scenario: Scenario, dialect: Dialect) -> Sequence[Span]:
    """The spans of the model calls alone."""
    made = spans(scenario, dialect, b"\x01" * 16)
    at, found = 1, []
    for step in scenario.steps:
        found.append(made[at])
        at += 1 + len(step.calls)
    return found


def as_json(value: Any) -> str:
    """A value as JSON text."""
    return json.dumps(value)


def openai_call(call: Asked) -> dict[str, Any]:
    """A call as OpenAI writes it."""
    function = {"name": call.tool, "arguments": as_json(call.arguments)}
    return {"id": call.call_id, "type": "function", "function": function}


def openai(said: Said) -> dict[str, Any]:
    """A message as OpenAI writes it."""
    message: dict[str, Any] = {"role": said.role, "content": said.text}
    if said.calls:
        message["tool_calls"] = [openai_call(call) for call in said.calls]
    return message | ({"tool_call_id": said.call_id} if said.call_id else {})


def openai_tools(scenario: Scenario) -> list[dict[str, Any]]:
    """The tools as OpenAI is told of them."""
    tools = scenario.tools.items()
    return [{"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in tools]


def answer(turn: Turn) -> Said:
    """The answer as a message."""
    return Said("assistant", turn.step.text, turn.step.calls)
