"""What a span recorded of its content, in one schema whatever the dialect.

Dialects: OpenInference first, HALO's own exports (inference.*), the current OpenTelemetry GenAI attributes,
and the older GenAI forms that cost nothing to read. "Not recorded" (None) differs from "recorded and empty"
("" or no messages): capture is often off, and an answer that was not recorded is not an empty answer.
Sources: https://arize-ai.github.io/openinference/spec/semantic_conventions.html and
https://opentelemetry.io/docs/specs/semconv/gen-ai/.

A span may carry a whole history in a hundred attributes, so its keys are walked once, and a value is opened
only when it is asked for.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from domain.content_arguments import RecordedArguments
from domain.content_messages import (
    OutputMessage,
    answered_ids,
    flat_messages,
    messages_in,
    messages_of,
    text_of,
)
from domain.content_tools import DeclaredTool, flat_tools, tools_in, tools_of
from domain.otlp import AnyValue, KeyValue, Span, plain

REDACTED = "__REDACTED__"  # what OpenInference puts in place of hidden content

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "output_messages": ("llm.output_messages", "gen_ai.output.messages", "gen_ai.completion"),
    "input_messages": ("llm.input_messages", "gen_ai.input.messages", "gen_ai.prompt"),
    "output_value": ("output.value", "final_result", "traceloop.entity.output", "output"),
    "input_value": ("input.value", "traceloop.entity.input", "input"),
    "input_type": ("input.mime_type",),
    "arguments": ("gen_ai.tool.call.arguments", "tool_arguments"),
    "result": ("gen_ai.tool.call.result", "tool_response"),
    "call_id": ("gen_ai.tool.call.id", "tool.id", "tool_call.id"),
    "parameters": ("tool.parameters",),
    "definitions": ("gen_ai.tool.definitions", "llm.tools"),
    "tool_names": ("smolagents.tools_names", "agent.tools"),
    "finish": ("llm.finish_reason", "gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"),
    "max_tokens": ("gen_ai.request.max_tokens",),
    "invocation": ("llm.invocation_parameters",),
}
_PLACES = {key: (field, rank) for field, keys in _FIELDS.items() for rank, key in enumerate(keys)}
_PREFIX_CHARS = 10
_HISTORY, _OUTPUT, _TOOLS, _COMPLETION, _MANAGED = "llm.input_", "llm.output", "llm.tools.", "gen_ai.com", "smolagents"
_FLAT = (_HISTORY, _OUTPUT, _TOOLS, _COMPLETION, _MANAGED)  # flattened keys are told apart by this many characters
_MANAGED_NAME = re.compile(r"smolagents\.managed_agents\.\d+\.name")
_MAX_TOKENS = re.compile(r'"max_?(?:completion_?|output_?)?tokens"\s*:\s*(\d{1,9})\b', re.IGNORECASE)

_FINISH = re.compile(r'"(?:finish_reason|stop_reason)"\s*:\s*"(\w{1,40})"')


class RecordedException(NamedTuple):
    """An exception event: its type, qualified as the language has it, and its message."""

    type: str
    message: str


class SpanContent:
    """One span's content; the constructor walks the keys, the methods open the values."""

    __slots__ = ("_choices", "_flat", "_has_history", "_values")

    def __init__(self, span: Span) -> None:
        self._values: dict[str, tuple[int, AnyValue]] = {}
        self._flat: dict[str, list[KeyValue]] = {prefix: [] for prefix in _FLAT}
        self._choices: list[AnyValue] = []
        self._has_history = False
        self._walk(span.attributes)
        for event in span.events:
            if event.name.startswith("gen_ai."):
                self._take_event(event)

    def _walk(self, attributes: Iterable[KeyValue]) -> None:
        """Sort the attributes; of a history, which may be long, only the ids that its messages answer are kept."""
        places, values, flat = _PLACES, self._values, self._flat
        history = flat[_HISTORY]
        for item in attributes:
            key = item.key
            place = places.get(key)
            if place is not None:
                field, rank = place
                known = values.get(field)
                value = item.value
                if known is None or (_says(value) and (rank < known[0] or not _says(known[1]))):
                    values[field] = (rank, value)
                continue
            found = flat.get(key[:_PREFIX_CHARS])
            if found is history:
                self._has_history = True
                if key.endswith(".tool_call_id"):
                    history.append(item)
            elif found is not None:
                found.append(item)

    def _take_event(self, event: Span.Event) -> None:
        """GenAI content as span events: whole messages, or one event a choice before 1.37."""
        self._walk(event.attributes)
        said = {item.key: item for item in event.attributes}
        if event.name == "gen_ai.choice" and "message" in said:
            self._choices.append(said["message"].value)
            if "finish_reason" in said:
                self._values.setdefault("finish", (len(_PLACES), said["finish_reason"].value))
        elif event.name == "gen_ai.tool.message" and "id" in said:
            self._has_history = True
            self._flat[_HISTORY].append(said["id"])

    def _text(self, field: str) -> str | None:
        """A field as text; None when not recorded, or hidden by the emitter."""
        found = self._values.get(field)
        if found is None:
            return None
        text = _text(found[1])
        return None if text == REDACTED else text

    def output(self) -> tuple[OutputMessage, ...] | None:
        """The answer of an LLM span, () when it was recorded as empty, None when it was not recorded."""
        flat = self._flat[_OUTPUT] or self._flat[_COMPLETION]
        if flat:
            messages = flat_messages((item.key, _text(item.value)) for item in flat)
            return messages if any(map(_says_something, messages)) else self._answer_elsewhere() or messages
        if self._choices:
            return tuple(message for value in self._choices for message in _messages(value))
        if (found := self._values.get("output_messages")) is not None:
            return _messages(found[1])
        return self._answer_elsewhere()

    def _answer_elsewhere(self) -> tuple[OutputMessage, ...] | None:
        """The answer as the output value has it: a provider's response, a message, or plain text."""
        found = self._values.get("output_value")
        return None if found is None else tuple(filter(_says_something, _messages(found[1])))

    def declared_tools(self) -> Mapping[str, DeclaredTool] | None:
        """The tools an LLM span offers, or an AGENT span names, by name; None when not recorded.

        The agents that an AGENT span manages count as its tools.
        """
        values = self._values
        names = values.get("tool_names")
        others = (*(_names(names[1]) if names is not None else ()), *self.managed_agents())
        if flat := self._flat[_TOOLS]:
            tools = flat_tools(tuple([(item.key, item.value.string_value) for item in flat]))
        elif (found := values.get("definitions")) is not None:
            value = found[1]
            told = tools_of(value.string_value) if value.string_value else tools_in(plain(value))
            tools = {tool.name: tool for tool in told}
        elif names is None and not others:
            return None
        else:
            tools = {}
        return {**{name: DeclaredTool(name) for name in others}, **tools} if others else tools

    def managed_agents(self) -> tuple[str, ...]:
        """The names of the agents that an AGENT span may call like tools (smolagents)."""
        named = [item.value.string_value for item in self._flat[_MANAGED] if _MANAGED_NAME.fullmatch(item.key)]
        return tuple(filter(None, named))

    def call_id(self) -> str:
        """The id of the tool call that a TOOL span executes; "" when not recorded."""
        return self._text("call_id") or ""

    def arguments(self) -> RecordedArguments | None:
        """The arguments of a TOOL span; None when not recorded or hidden by the emitter."""
        stated = "arguments" in self._values
        text = self._text("arguments" if stated else "input_value")
        if text is None:
            return None
        promised = stated or self._text("input_type") == "application/json"
        return RecordedArguments(text, self._text("parameters"), promised)

    def result(self) -> str | None:
        """The result of a TOOL span as text."""
        return self._text("result" if "result" in self._values else "output_value")

    def finish_reason(self, output: Iterable[OutputMessage]) -> str:
        """Why the LLM stopped, lower-case: the first reason that the span or its messages state."""
        found = self._values.get("finish")
        if found is not None:
            stated = found[1].string_value
            reason = stated if stated[:1] not in ("", "[") else next(iter(_names(found[1])), "")
        else:
            reason = next((message.finish_reason for message in output if message.finish_reason), "")
        if not reason and (text := self._text("output_value") or "").startswith("{"):
            match = _FINISH.search(text)  # in an object, text that merely quotes a reason is escaped
            reason = match[1] if match else ""
        return reason.lower()

    def max_tokens(self) -> int | None:
        """The most output tokens that the request allowed."""
        for field in ("max_tokens", "invocation"):
            text = self._text(field) or ""
            if text.isdecimal():
                return int(text[:9])
            if (match := _MAX_TOKENS.search(text)) is not None:
                return int(match[1])
        return None

    def input_value(self) -> str | None:
        """The whole input as text."""
        return self._text("input_value")

    def output_value(self) -> str | None:
        """The whole output as text: of an AGENT span what it returned."""
        text = self._text("output_value")
        if text is None and "output_messages" in self._values:
            return "\n".join(message.text for message in self.output() or ())
        return text

    def answered_calls(self) -> tuple[str, ...]:
        """The ids of tool calls whose results are among the input messages of an LLM span."""
        if self._has_history:
            ids = [item.value.string_value for item in self._flat[_HISTORY]]
            return tuple(dict.fromkeys(filter(None, ids)))
        text = self._text("input_messages" if "input_messages" in self._values else "input_value")
        return tuple(dict.fromkeys(answered_ids(text))) if text else ()


def exception_of(span: Span) -> RecordedException | None:
    """The last exception event of a span."""
    for event in reversed(span.events):
        if event.name == "exception":
            said = {item.key: item.value.string_value for item in event.attributes}
            return RecordedException(said.get("exception.type", ""), said.get("exception.message", ""))
    return None


def _says(value: AnyValue) -> bool:
    """Whether an attribute holds anything but nothing or an empty text."""
    return bool(value.string_value) or value.WhichOneof("value") not in (None, "string_value")


def _says_something(message: OutputMessage) -> bool:
    return bool(message.text or message.calls or message.other_parts)


def _text(value: AnyValue) -> str:
    return value.string_value or text_of(plain(value))


def _messages(value: AnyValue) -> tuple[OutputMessage, ...]:
    text = value.string_value
    if text:
        return messages_of(text) if text[0] in "[{" else (OutputMessage(text=text),)
    return messages_in(plain(value))


def _names(value: AnyValue) -> list[str]:
    """Names in a list, structured or as JSON text."""
    try:
        found = json.loads(value.string_value) if value.string_value else plain(value)
    except (ValueError, RecursionError):
        return []
    return [item for item in found if isinstance(item, str) and item] if isinstance(found, list) else []
