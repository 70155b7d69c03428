"""What a span recorded of its content, in one schema whatever the dialect.

Several conventions may be on one span, as attributes, as events and as log records joined as events: the first
source that says something counts (`domain.content_fields` has the order). "Not recorded" (None) differs from
"recorded and empty" ("" or no messages): capture is often off, and an answer that was not recorded is not an
empty answer.

A span may carry a whole history in a hundred attributes, so its keys are walked once, and a value is opened
only when it is asked for.
"""

from collections.abc import Iterable, Mapping

from domain import content_fields as fields
from domain.content_answers import answered_ids
from domain.content_arguments import RecordedArguments
from domain.content_events import CHOICE, ROLES, event_messages, event_name
from domain.content_exceptions import EXCEPTION, RecordedException, exception_of
from domain.content_finish import finish_in, finish_word, token_limit_in
from domain.content_histories import History, history_of_span
from domain.content_measures import Measures, measures_in
from domain.content_messages import (
    ASSISTANT,
    REDACTED,
    SYSTEM,
    TOOL,
    Message,
    holds_something,
    says_something,
    value_text,
    with_role,
)
from domain.content_results import WRAPPING, RecordedResult, inner_result, recorded_result
from domain.content_sources import Walk, answers, first_telling, flat_answer, histories
from domain.content_tools import DeclaredTool, flat_tools, managed_names, names_in, request_tools, tools_in, tools_of
from domain.content_walk import COMPLETION, FUNCTIONS, HISTORY, MANAGED, OUTPUT, TOOLS, VERDICTS, walked
from domain.dialects_evaluations import STATED, Evaluation, evaluations
from domain.otlp import Span, plain

__all__ = ["REDACTED", "RecordedException", "SpanContent", "exception_of"]

_MARKS = frozenset((REDACTED, "<not specified>", '{"result": "<not specified>"}', "{}"))  # the others are Google ADK's
_MARK_MAX_CHARS = 30
_GENAI, _FUNCTION_KEY = "gen_ai.", "llm.request.functions."
_ANSWERED = (fields.GENAI_INPUT, fields.ALL_MESSAGES, *fields.EVENT_LISTS, *fields.INPUTS)
_ALL_ARGUMENTS = (*fields.STATED_ARGUMENTS, *fields.INPUT_VALUES)
_ALL_RESULTS = (*fields.STATED_RESULTS, *fields.RESULTS)
_RETURNED = (*fields.OUTPUT_VALUES, "langfuse.trace.output", *fields.VERCEL_TEXT, *fields.VERCEL_OBJECT, *WRAPPING)


class SpanContent:
    """One span's content; the constructor walks the keys, the methods open the values."""

    __slots__ = ("_events", "_flat", "_has_events", "_place", "_returned", "_span", "_values")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._values, self._flat, self._place = walked(span.attributes)
        self._events: list[Span.Event] = []
        self._has_events = False
        self._returned: tuple[RecordedResult | None] | None = None
        for event in span.events:
            self._has_events = True
            if event.name != EXCEPTION:
                self._take_event(event)

    def _take_event(self, event: Span.Event) -> None:
        """GenAI content as events: one a message before 1.37, whole histories since."""
        name = event_name(event)
        if name in ROLES:
            self._events.append(event)
        else:
            of_genai = name.startswith(_GENAI)
            for item in event.attributes:
                if item.key in fields.KNOWN and (of_genai or item.key.startswith(_GENAI)):
                    known = self._values.get(item.key)
                    if known is None or not holds_something(known.value):
                        self._values[item.key] = item

    def _said(self, keys: Iterable[str]) -> tuple[str, str] | None:
        """The first of these keys that says something, else that is empty, and its text; hidden ones do not count."""
        values, empty = self._values, None
        for key in keys:
            if key in values:
                value = values[key].value
                text = value.string_value or value_text(value)
                if len(text) < _MARK_MAX_CHARS and text in _MARKS and self._is_hidden(key, text):
                    continue
                if text:
                    return key, text
                empty = empty or (key, text)
        return empty

    def _text(self, *keys: str) -> str | None:
        found = self._said(keys)
        return None if found is None else found[1]

    def _is_hidden(self, key: str, text: str) -> bool:
        """Whether a mark stands for nothing captured; ADK's {} are real arguments beside a real result."""
        if text != "{}":
            return True
        if not key.startswith("gcp.vertex."):
            return False
        return key != fields.ADK_ARGUMENTS or self._text(fields.ADK_RESULT) is None

    def _walked(self) -> Walk:
        output, completion = (self._flat.get(prefix, []) for prefix in (OUTPUT, COMPLETION))
        has_flat = self._place.keys > 0
        return Walk(self._span, self._values, output, completion, self._events, self._said, has_flat)

    def output(self) -> tuple[Message, ...] | None:
        """The answer of an LLM span, () when it was recorded as empty, None when it was not recorded."""
        flat = self._flat.get(OUTPUT)
        messages = flat_answer(flat) if flat else None
        if messages is None or not any(map(says_something, messages)):
            messages = first_telling(answers(self._walked()))
        return messages and tuple([with_role(message, ASSISTANT) for message in messages])

    def input_messages(self) -> tuple[Message, ...] | None:
        """The history that an LLM (or AGENT) span was given, system prompt first; None when not recorded."""
        return first_telling(histories(self._walked()))

    def system_prompt(self) -> str | None:
        """The instructions of the history; "" for one without any, None when it was not recorded."""
        messages = self.input_messages()
        return None if messages is None else "\n".join(message.text for message in messages if message.role == SYSTEM)

    def declared_tools(self) -> Mapping[str, DeclaredTool] | None:
        """The tools an LLM span offers, or an AGENT span names, by name; None when not recorded.

        The agents that an AGENT span manages count as its tools.
        """
        names = self._said(fields.TOOL_NAMES)
        others = (*(names_in(self._values[names[0]].value) if names is not None else ()), *self.managed_agents())
        tools = self._defined_tools()
        if tools is None:
            if names is None and not others:
                return None
            tools = {}
        return {**{name: DeclaredTool(name) for name in others}, **tools} if others else tools

    def _defined_tools(self) -> Mapping[str, DeclaredTool] | None:
        """The tools with their definitions: flattened, in an attribute of their own, or inside the request."""
        for prefix, start in ((TOOLS, ""), (FUNCTIONS, _FUNCTION_KEY)):
            if flat := self._flat.get(prefix):
                items = [(item.key, item.value.string_value) for item in flat]
                items = [item for item in items if item[0].startswith(start)] if start else items
                tools = flat_tools(tuple(items))
                if tools or any(text != REDACTED for _, text in items):
                    return tools
        if (found := self._said(fields.DEFINITIONS)) is not None:
            value = self._values[found[0]].value
            told = tools_of(value.string_value) if value.string_value else tools_in(plain(value))
            return {tool.name: tool for tool in told}
        for key in fields.REQUESTS_WITH_TOOLS:
            if key == "input.value" and self._place.keys:
                break  # who flattens messages flattens tools, and the whole request is long
            if key in self._values and (asked := request_tools(self._text(key) or "")) is not None:
                return {tool.name: tool for tool in asked}
        return None

    def managed_agents(self) -> tuple[str, ...]:
        """The names of the agents that an AGENT span may call like tools (smolagents)."""
        flat = self._flat.get(MANAGED)
        return managed_names(flat) if flat else ()

    def call_id(self) -> str:
        """The id of the tool call that a TOOL span executes; "" when not recorded."""
        stated = self._text(*fields.CALL_IDS)
        if stated:
            return stated
        result = self._result()
        return "" if result is None else result.call_id

    def arguments(self) -> RecordedArguments | None:
        """The arguments of a TOOL span; None when not recorded or hidden by the emitter."""
        found = self._said(_ALL_ARGUMENTS)
        if found is None:
            return None
        key, text = found
        promised = key in fields.STATED_ARGUMENTS or (key == "input.value" and self._is_json(fields.INPUT_TYPE))
        parameters = self._values.get(fields.PARAMETERS)
        return RecordedArguments(text, None if parameters is None else parameters.value.string_value, promised)

    def _is_json(self, key: str) -> bool:
        stated = self._values.get(key)
        return stated is not None and stated.value.string_value == "application/json"

    def result(self) -> str | None:
        """The result of a TOOL span as text; None when not recorded or hidden by the emitter."""
        found = self._result()
        return None if found is None else found.text

    def _result(self) -> RecordedResult | None:
        if self._returned is None:
            self._returned = (self._read_result(),)
        return self._returned[0]

    def _read_result(self) -> RecordedResult | None:
        found = self._said(_ALL_RESULTS)
        if found is not None:
            key, text = found
            if text[:1] not in ('"', "{"):
                return RecordedResult(text)
            is_json = key != "output.value" or self._is_json(fields.OUTPUT_TYPE)
            return recorded_result(text, is_json=is_json, is_wrapped=key in WRAPPING)
        told = event_messages(self._events, choices=False)
        results = [result for message in told if message.role == TOOL for result in message.results]
        hidden = not results or results[-1].text == REDACTED
        return None if hidden else RecordedResult(results[-1].text, results[-1].call_id)

    def finish_reason(self, output: Iterable[Message]) -> str:
        """Why the LLM stopped (`domain.content_finish`): the first reason that the span or its messages state."""
        for key in fields.FINISH:
            if key in self._values:
                value = self._values[key].value
                stated = value.string_value
                reason = stated if stated[:1] not in ("", "[") else next(iter(names_in(value)), "")
                if reason:
                    return finish_word(reason)
        told = (*output, *event_messages(self._events, choices=True)) if self._events else output
        reason = next((message.finish_reason for message in told if message.finish_reason), "")
        if not reason:
            texts = (self._text(key) for key in fields.OUTPUTS if key in self._values)
            reason = next(filter(None, (finish_in(text) for text in texts if text)), "")
        return finish_word(reason)

    def max_tokens(self) -> int | None:
        """The most output tokens that the request allowed."""
        for key in (*fields.MAX_TOKENS, *fields.LIMITED_REQUESTS):
            if key in self._values and (limit := token_limit_in(self._text(key) or "")) is not None:
                return limit
        return None

    def history(self, before: History | None = None) -> History | None:
        """The messages of `input_messages`, to be compared with those of the call `before`; None as there."""
        return history_of_span(self._walked(), self._place, before)

    def measures(self) -> Measures:
        """Single values: cached tokens, cost, limits and task."""
        return measures_in(self._values)

    def evaluations(self) -> tuple[Evaluation, ...]:
        """The verdicts recorded with the span."""
        judged = self._has_events or not (VERDICTS.isdisjoint(self._flat) and STATED.isdisjoint(self._values))
        return evaluations(self._span) if judged else ()

    def input_value(self) -> str | None:
        """The whole input as text."""
        return self._text(*fields.INPUT_VALUES)

    def output_value(self) -> str | None:
        """The whole output as text: of an AGENT span what it returned."""
        found = self._said(_RETURNED)
        if found is not None:
            return inner_result(found[1]) if found[0] in WRAPPING else found[1]
        output = self.output()
        text = None if output is None else "\n".join(message.text for message in output)
        return None if text == REDACTED else text

    def answered_calls(self) -> tuple[str, ...]:
        """The ids of tool calls whose results are among the input messages of an LLM span."""
        ids = [item.value.string_value for item in self._flat.get(HISTORY, ())]
        told = [event for event in self._events if event_name(event) != CHOICE]
        if self._place.keys and not told:
            return tuple(dict.fromkeys(filter(None, ids)))
        if told:
            results = [result for message in event_messages(told, choices=False) for result in message.results]
            return tuple(dict.fromkeys(filter(None, [*ids, *(result.call_id for result in results)])))
        text = self._text(*_ANSWERED)
        return tuple(dict.fromkeys(answered_ids(text))) if text else ()
