"""The content of real spans, told in our own words: what each model call was asked and answered, each tool did."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.content import SpanContent
from domain.content_arguments import read_arguments
from domain.content_bodies import history_in, instruction_text, messages_in
from domain.content_messages import Message, ToolCall, ToolResult
from domain.otlp import ExportTraceServiceRequest, PlainValue, Span
from tests.spans import make_span

_BOT = Message("system", "You are a weather bot.")
_QUESTION = Message("user", "Weather in Paris?")
_SUNNY = "It is 21C and sunny in Paris."
_CALL_ID = "call_abc123"
_PYDANTIC_ID = "pyd_ai_tool_call_id__get_weather"
_RECIPE = {"name": "Scrambled Eggs"}

# Per capture and span, in the order they were sent: the conversation given, and the answer.
_ASKS = Message("assistant", calls=(ToolCall(_CALL_ID, "get_weather", '{"city": "Paris"}'),))
_TOLD = Message("tool", results=(ToolResult(_CALL_ID, "21C in Paris"),))
_PYDANTIC_ASKS = Message("assistant", calls=(ToolCall(_PYDANTIC_ID, "get_weather", '{"city": "a"}'),))
_PYDANTIC_TOLD = Message("tool", results=(ToolResult(_PYDANTIC_ID, "21C in a"),))
_MODEL_CALLS: dict[str, dict[int, tuple[tuple[Message, ...], Message, str]]] = {
    "openinference-openai.traces.1": {0: ((_BOT, _QUESTION), _ASKS, "tool_calls")},
    "openinference-openai-agents.traces.1": {
        0: ((_BOT, _QUESTION), _ASKS, "stop"),
        3: ((_BOT, _QUESTION, _ASKS, _TOLD), Message("assistant", _SUNNY), "stop"),
    },
    "openllmetry-openai.traces.1": {0: ((_BOT, _QUESTION), _ASKS, "tool_calls")},
    "pydantic-ai.traces.1": {
        0: ((_BOT, _QUESTION), _PYDANTIC_ASKS, ""),
        2: ((_BOT, _QUESTION, _PYDANTIC_ASKS, _PYDANTIC_TOLD), Message("assistant", "It is sunny."), ""),
    },
    "vercel-ai-legacy.traces.2": {0: ((_BOT, _QUESTION, _ASKS, _TOLD), Message("assistant", _SUNNY), "stop")},
    "vercel-ai-legacy.traces.3": {0: ((_BOT, _QUESTION), _ASKS, "tool_calls")},
}


def _spans(shared_data: Path, capture: str) -> Sequence[Span]:
    body = (shared_data / "otlp" / "captured" / f"{capture}.bin").read_bytes()
    request = ExportTraceServiceRequest.FromString(body)
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def _content(shared_data: Path, capture: str, at: int) -> SpanContent:
    return SpanContent(_spans(shared_data, capture)[at])


def _plainly(messages: Sequence[Message] | None) -> list[Message]:
    """Messages without finish reasons, and with arguments in one spelling: dialects differ in spaces."""
    return [
        message._replace(
            finish_reason="",
            calls=tuple(
                call._replace(arguments=json.dumps(json.loads(call.arguments or "null"))) for call in message.calls
            ),
        )
        for message in messages or ()
    ]


@pytest.mark.parametrize(("capture", "at"), [(capture, at) for capture, calls in _MODEL_CALLS.items() for at in calls])
def test_a_captured_model_call_is_read_whole(shared_data: Path, capture: str, at: int) -> None:
    """What the stock instrumentations put on the wire: the same story, told in five dialects."""
    conversation, answer, finish = _MODEL_CALLS[capture][at]
    found = _content(shared_data, capture, at)

    assert _plainly(found.input_messages()) == list(conversation)
    assert found.system_prompt() == "You are a weather bot."
    assert _plainly(found.output()) == [answer]
    assert found.finish_reason(found.output() or ()) == finish
    assert found.answered_calls() == tuple(result.call_id for message in conversation for result in message.results)
    assert list(found.declared_tools() or {}) == ["get_weather"]
    (tool,) = (found.declared_tools() or {}).values()
    assert (tool.schema or {})["properties"]["city"]["type"] == "string"  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("capture", "at", "arguments", "call_id", "result"),
    [
        ("openinference-openai-agents.traces.1", 1, {"city": "Paris"}, "", "21C in Paris"),
        ("pydantic-ai.traces.1", 1, {"city": "a"}, _PYDANTIC_ID, "21C in a"),
        ("vercel-ai-legacy.traces.1", 0, {"city": "Paris"}, _CALL_ID, "21C in Paris"),
    ],
)
def test_a_captured_tool_call_is_read_whole(
    shared_data: Path, capture: str, at: int, arguments: PlainValue, call_id: str, result: str
) -> None:
    """Arguments, result and id of a call, wherever the dialect keeps them."""
    found = _content(shared_data, capture, at)
    recorded = found.arguments()

    assert recorded is not None
    assert read_arguments(recorded) == (arguments, True)
    assert (found.call_id(), found.result()) == (call_id, result)


def test_a_captured_agent_run_knows_its_question_and_its_result(shared_data: Path) -> None:
    """An AGENT span holds the whole run: what stands before the last answer is what it was given."""
    pydantic, vercel = (
        _content(shared_data, "pydantic-ai.traces.1", 3),
        _content(shared_data, "vercel-ai-legacy.traces.4", 0),
    )

    assert pydantic.output_value() == "It is sunny."
    assert _plainly(pydantic.input_messages()) == [_BOT, _QUESTION, _PYDANTIC_ASKS, _PYDANTIC_TOLD]
    assert vercel.output_value() == _SUNNY
    assert vercel.input_messages() == (_BOT, _QUESTION)


@pytest.mark.parametrize(
    "capture", ["py-grpc", "py-grpc-gzip", "py-http-proto", "py-http-proto-gzip", "js-grpc", "js-http-proto"]
)
def test_spans_of_no_agent_have_no_content(shared_data: Path, capture: str) -> None:
    """Whatever else an application traces must not look like an empty answer."""
    for span in _spans(shared_data, f"{capture}.traces.1"):
        found = SpanContent(span)
        assert (found.output(), found.input_messages(), found.arguments(), found.result()) == (None, None, None, None)
        assert (found.declared_tools(), found.system_prompt(), found.finish_reason(())) == (None, None, "")


def test_one_span_published_in_three_conventions_has_the_same_messages(shared_data: Path) -> None:
    """OpenInference, GenAI and its deprecated attributes, and OpenInference without flattened messages."""
    twins = shared_data / "otlp" / "openinference-genai"
    names = (
        "openinference_client_span_tool_calls",
        "openinference_client_span_input_output_only",
        "otel_genai_client_span_tool_calls",
        "otel_genai_deprecated_client_span_tool_calls",
    )
    found = [SpanContent(make_span(attributes=json.loads((twins / f"{name}.json").read_text()))) for name in names]

    conversation = [
        Message("user", "Weather in Paris?"),
        Message(
            "assistant",
            "Absolutely! Let me check the weather for you.",
            (ToolCall("1234", "get_weather", '{"location": "Paris"}'),),
        ),
        Message("tool", results=(ToolResult("1234", "rainy, 57°F"),)),
    ]
    answer = [Message("assistant", "The weather in Paris is currently rainy with a temperature of 57°F.")]
    assert [_plainly(one.input_messages()) for one in found] == [conversation] * 4
    assert [_plainly(one.output()) for one in found] == [answer] * 4
    assert [one.finish_reason(one.output() or ()) for one in found] == ["stop"] * 4
    assert [(one.answered_calls(), one.max_tokens()) for one in found] == [(("1234",), 200)] * 4


def test_a_published_tool_span_is_read(shared_data: Path) -> None:
    """Its arguments and result are under the plainest of names."""
    path = shared_data / "otlp" / "openinference-genai" / "otel_genai_tool_execution_span.json"
    found = SpanContent(make_span(attributes=json.loads(path.read_text())))
    recorded = found.arguments()

    assert recorded is not None
    assert read_arguments(recorded) == ({"city": "New York"}, True)
    assert (found.call_id(), json.loads(found.result() or "null")["status"]) == ("1234", "success")


def _vercel(shared_data: Path, operation: str) -> list[SpanContent]:
    """Spans as the JavaScript SDK dumps them: attributes are a plain object."""
    path = shared_data / "otlp" / "openinference-vercel-v6" / f"{operation}.json"
    return [SpanContent(make_span(attributes=dump["attributes"])) for dump in json.loads(path.read_text())]


def test_vercel_6_spans_are_read(shared_data: Path) -> None:
    """The wrapper span has the prompt as it was given, the inner one as messages; both mean the same."""
    haiku = [Message("user", "Write a haiku about programming.")]
    sums = ["What is 2 + 2?", "And what is 3 + 3?"]
    for operation in ("ai-generateText", "ai-generateText-doGenerate"):
        first, second = _vercel(shared_data, operation)
        assert list(first.input_messages() or ()) == haiku
        assert (first.output() or ())[0].text.startswith("Lines of code align")
        assert second.system_prompt() == "You are a helpful assistant."
        assert [message.text for message in second.input_messages() or () if message.role == "user"] == sums
        assert [message.text for message in second.output() or ()] == ["3 + 3 equals 6."]
        assert (second.finish_reason(()), second.declared_tools()) == ("stop", None)


def test_vercel_6_objects_and_streams_are_answers_too(shared_data: Path) -> None:
    """An object is an answer in words; a stream's text arrives on its last span."""
    for operation in ("ai-generateObject", "ai-generateObject-doGenerate"):
        (generated,) = _vercel(shared_data, operation)
        assert json.loads((generated.output() or ())[0].text)["name"] == _RECIPE["name"]
    for operation in ("ai-streamText", "ai-streamText-doStream"):
        (streamed,) = _vercel(shared_data, operation)
        assert (streamed.output() or ())[0].text.startswith("In code")
        assert streamed.input_messages() == (Message("user", "Write a short poem about TypeScript."),)


def test_embeddings_are_no_conversation(shared_data: Path) -> None:
    """They have a value and a vector; neither is a message."""
    for operation in ("ai-embed", "ai-embed-doEmbed"):
        (embedded,) = _vercel(shared_data, operation)
        assert (embedded.output(), embedded.input_messages()) == (None, None)


def _example(schema: Any, root: Any, value_of: str = "x") -> Any:
    """A smallest value that a JSON Schema describes."""
    if "://" in schema.get("$ref", ""):
        return {"type": "object"}
    if "$ref" in schema:
        return _example(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _example(schema[key][0], root)
    if schema.get("type") == "array":
        return [_example(schema["items"], root)]
    if schema.get("type") == "object" or "properties" in schema:
        return {name: _example(inner, root) for name, inner in schema.get("properties", {}).items()}
    return {"integer": 1, "number": 1.0, "boolean": True, "null": None}.get(schema.get("type"), value_of)


def _definitions(shared_data: Path, name: str) -> Any:
    return json.loads((shared_data / "otlp" / "semconv-genai-schemas" / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["gen-ai-input-messages", "gen-ai-output-messages"])
def test_every_part_that_the_conventions_define_is_told_apart(shared_data: Path, name: str) -> None:
    """One message a part, made from the published schema: text is text, calls are calls, images are other parts."""
    root = _definitions(shared_data, name)
    kinds = [kind for kind in root["$defs"] if kind.endswith("Part") and kind != "GenericPart"]
    read = messages_in if "output" in name else history_in
    for kind in kinds:
        part = _example(root["$defs"][kind], root)
        (message,) = read([{"role": "assistant", "parts": [part], "finish_reason": "stop"}])
        told = {
            "text": message.text,
            "reasoning": message.reasoning,
            "calls": message.calls,
            "results": message.results,
            "other": message.other_parts,
        }
        expected = {"TextPart": "text", "ReasoningPart": "reasoning"}.get(kind) or (
            "results" if "Response" in kind else "calls" if "ToolCall" in kind else "other"
        )
        assert [what for what, found in told.items() if found] == [expected], (kind, part)


def test_system_instructions_of_the_conventions_are_text(shared_data: Path) -> None:
    """A list of parts; the text ones are the prompt."""
    example = _example(
        _definitions(shared_data, "gen-ai-system-instructions"), _definitions(shared_data, "gen-ai-system-instructions")
    )

    assert instruction_text([{"type": "text", "content": "You are a bot."}]) == "You are a bot."
    assert instruction_text(example) == "x"


def test_tool_definitions_of_the_conventions_are_tools(shared_data: Path) -> None:
    """A function with its parameters, as the published schema has it."""
    root = _definitions(shared_data, "gen-ai-tool-definitions")
    example = _example(root, root)
    found = SpanContent(make_span(attributes={"gen_ai.tool.definitions": json.dumps(example)})).declared_tools()

    assert list(found or {}) == ["x"]
