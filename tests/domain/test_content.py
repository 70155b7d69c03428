"""Content reads the same whatever dialect wrote it, and tells "not recorded" from "empty"."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.content import SpanContent, exception_of
from domain.content_answers import answered_ids
from domain.content_bodies import messages_of
from domain.content_messages import Message, ToolCall
from domain.otlp import PlainValue
from tests.spans import add_exception, make_span

_CALL = ToolCall("call_1", "get_weather", '{"city": "Paris"}')
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
_OPENINFERENCE: dict[str, PlainValue] = {
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "Let me look.",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "get_weather",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city": "Paris"}',
    "llm.tools.0.tool.json_schema": json.dumps(
        {"type": "function", "function": {"name": "get_weather", "parameters": _SCHEMA}}
    ),
    "llm.input_messages.0.message.content": "Weather?",
    "llm.input_messages.1.message.tool_call_id": "call_0",
    "llm.finish_reason": "Tool_Calls",
    "llm.invocation_parameters": '{"model": "m", "max_completion_tokens": 200}',
}
_GENAI_OUTPUT: list[PlainValue] = [
    {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "Let me look."},
            {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}},
        ],
        "finish_reason": "tool_calls",
    }
]
_GENAI_INPUT: list[PlainValue] = [
    {"role": "user", "parts": [{"type": "text", "content": 'Weather? "type": "tool_call_response" {'}]},
    {"role": "tool", "parts": [{"response": {"nested": {"id": "no"}}, "id": "call_0", "type": "tool_call_response"}]},
]
_GENAI: dict[str, PlainValue] = {
    "gen_ai.output.messages": _GENAI_OUTPUT,
    "gen_ai.tool.definitions": [{"type": "function", "name": "get_weather", "parameters": _SCHEMA}],
    "gen_ai.input.messages": _GENAI_INPUT,
    "gen_ai.response.finish_reasons": ["tool_calls"],
    "gen_ai.request.max_tokens": 200,
}
_OLDER_GENAI: dict[str, PlainValue] = {
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "Let me look.",
    "gen_ai.completion.0.finish_reason": "tool_calls",
    "gen_ai.completion.0.tool_calls.0.id": "call_1",
    "gen_ai.completion.0.tool_calls.0.name": "get_weather",
    "gen_ai.completion.0.tool_calls.0.arguments": '{"city": "Paris"}',
    "gen_ai.tool.definitions": json.dumps([{"name": "get_weather", "input_schema": _SCHEMA}]),
    "gen_ai.prompt": json.dumps([{"role": "tool", "tool_call_id": "call_0", "content": "rain"}]),
    "gen_ai.request.max_tokens": "200",
}
_AS_TEXT = {key: json.dumps(value) if isinstance(value, list) else value for key, value in _GENAI.items()}


def content(attributes: dict[str, PlainValue]) -> SpanContent:
    """The content of a span with these attributes."""
    return SpanContent(make_span(attributes=attributes))


@pytest.mark.parametrize("dialect", [_OPENINFERENCE, _GENAI, _AS_TEXT, _OLDER_GENAI])
def test_one_answer_reads_the_same_in_every_dialect(dialect: dict[str, PlainValue]) -> None:
    """Detectors must not know dialects: a new one is a table entry, not a new detector."""
    found = content(dialect)

    (message,) = found.output() or ()
    assert (message.role, message.text, message.calls) == ("assistant", "Let me look.", (_CALL,))
    assert {name: tool.schema for name, tool in (found.declared_tools() or {}).items()} == {"get_weather": _SCHEMA}
    assert found.answered_calls() == ("call_0",)
    assert found.finish_reason([message]) == "tool_calls"
    assert found.max_tokens() == 200


def test_one_answer_reads_the_same_as_span_events() -> None:
    """GenAI before 1.37 puts one event per choice and per tool message on the span."""
    span = make_span()
    choice = span.events.add(name="gen_ai.choice")
    message = {"role": "assistant", "content": "Let me look.", "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    ]}  # fmt: skip
    choice.attributes.add(key="message").value.string_value = json.dumps(message)
    choice.attributes.add(key="finish_reason").value.string_value = "tool_calls"
    span.events.add(name="gen_ai.tool.message").attributes.add(key="id").value.string_value = "call_0"
    found = SpanContent(span)

    (answer,) = found.output() or ()
    assert (answer.text, answer.calls) == ("Let me look.", (_CALL,))
    assert (found.finish_reason(()), found.answered_calls()) == ("tool_calls", ("call_0",))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"llm.model_name": "m", "llm.token_count.completion": 5, "inference.llm.output_tokens": 5},
        {"llm.input_messages.0.message.content": "question", "input.value": "question"},
    ],
)
def test_an_answer_nobody_recorded_is_not_an_empty_answer(attributes: dict[str, PlainValue]) -> None:
    """Without this difference every span of an agent with capture off would be an empty output."""
    assert content(attributes).output() is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"llm.output_messages.0.message.role": "assistant"},
        {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": ""},
        {"llm.output_messages.0.message.content": None, "output.value": '{"role": "assistant", "content": ""}'},
        {"gen_ai.output.messages": "[]"},
        {"gen_ai.output.messages": []},
        {"gen_ai.output.messages": '[{"role": "assistant", "parts": []}]'},
        {"gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}]}]},
        {"output.value": ""},
        {"output.value": None},
        {"output.value": '{"choices": [{"message": {"role": "assistant", "content": null}}]}'},
    ],
)
def test_an_answer_recorded_as_empty_says_nothing(attributes: dict[str, PlainValue]) -> None:
    """An empty answer is a failure worth a finding, so it must be seen in every form it takes."""
    messages = content(attributes).output()

    assert messages is not None
    assert [message for message in messages if message.text or message.calls or message.other_parts] == []


@pytest.mark.parametrize(
    ("output", "text", "tools"),
    [
        ("plain words", "plain words", []),
        ("[not json", "[not json", []),
        ('{"answer": 42}', '{"answer": 42}', []),
        ('{"text": "sunny", "finish_reason": "stop"}', "sunny", []),
        ('{"choices": [{"message": {"content": "sunny"}, "finish_reason": "stop"}]}', "sunny", []),
        (
            '{"object": "response", "output": [{"type": "reasoning"}, {"type": "message", "content": '
            '[{"type": "output_text", "text": "sunny"}]}, {"type": "function_call", "call_id": "c", "name": "t", '
            '"arguments": "{}"}]}',
            "sunny",
            ["t"],
        ),
        (
            '{"role": "assistant", "content": [{"type": "text", "text": "sunny"}, '
            '{"type": "tool_use", "id": "c", "name": "t", "input": {}}], "stop_reason": "tool_use"}',
            "sunny",
            ["t"],
        ),
    ],
)
def test_an_output_value_alone_is_read_as_what_providers_answer(output: str, text: str, tools: list[str]) -> None:
    """Many emitters record only the raw response; its text and calls count as much as flattened ones."""
    (message,) = content({"output.value": output}).output() or ()

    assert (message.text, [call.name for call in message.calls]) == (text, tools)


def test_a_flattened_message_without_content_falls_back_to_the_output_value() -> None:
    """Instrumentations flatten the role and leave parts they do not know to the raw output."""
    attributes: dict[str, PlainValue] = {"llm.output_messages.0.message.role": "assistant", "output.value": "sunny"}

    assert content(attributes).output() == (Message("assistant", "sunny"),)


def test_content_parts_count_once_and_images_are_not_text() -> None:
    """OpenInference writes the same text as content and as its parts; an image alone is not an empty answer."""
    prefix = "llm.output_messages.0.message"
    (message,) = (
        content(
            {
                f"{prefix}.content": "sunny",
                f"{prefix}.contents.0.message_content.type": "text",
                f"{prefix}.contents.0.message_content.text": "sunny",
                f"{prefix}.contents.1.message_content.type": "image",
                f"{prefix}.contents.1.message_content.image.image.url": "https://example.org/i.png",
                f"{prefix}.contents.2.message_content.type": "reasoning",
                f"{prefix}.contents.2.message_content.text": "hm",
            }
        ).output()
        or ()
    )

    assert (message.text, message.other_parts) == ("sunny", 1)


def test_the_last_exception_is_the_one_that_ended_the_span() -> None:
    """Earlier exceptions were handled; the last one was raised."""
    span = add_exception(add_exception(make_span(), "KeyError", "'a'"), "lib.Timeout", "late")

    assert exception_of(span) == ("lib.Timeout", "late")
    assert exception_of(make_span()) is None


_KEYS = st.sampled_from(
    sorted({*_OPENINFERENCE, *_GENAI, *_OLDER_GENAI, "output.value", "input.value", "tool.parameters"})
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "content", "parts", "name", "id", "function", "args", "kwargs"]), inner
        )
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(_KEYS, _JSON | _JSON.map(json.dumps), max_size=5))
def test_no_content_makes_reading_fail(attributes: dict[str, PlainValue]) -> None:
    """Everything in a span is written by strangers; one odd span must not cost a report."""
    found = content(attributes)
    output = found.output()
    found.finish_reason(output or ())
    found.max_tokens()
    found.declared_tools()
    found.answered_calls()
    found.arguments()

    assert output is None or all(isinstance(message.text, str) for message in output)


def test_deeply_nested_text_is_text() -> None:
    """A thousand brackets are an attack on the parser, not on us."""
    assert messages_of("[" * 100_000) == (Message(text="[" * 100_000),)


def test_answers_are_found_however_their_objects_are_written() -> None:
    """Key order differs between emitters, results hold objects of their own, and quoted marks are no marks."""
    answers = [
        {"type": "tool_call_response", "id": "a", "response": {"rows": [{"id": n} for n in range(200)]}},
        {"response": {"rows": [{"id": n} for n in range(200)]}, "id": "b", "type": "tool_call_response"},
        {"call_id": "c", "output": '{"type": "function_call_output", "call_id": "no"}', "type": "function_call_output"},
        {"type": "tool_result", "tool_use_id": "d", "content": "x"},
        {"role": "tool", "tool_call_id": "e", "content": '{"tool_call_id": "no"}'},
        {"type": "tool_call", "id": "no", "name": "t"},
    ]

    assert sorted(answered_ids(json.dumps(answers))) == ["a", "b", "c", "d", "e"]


def test_a_hostile_history_is_given_up_in_time() -> None:
    """Every mark invites to parse the rest; half a megabyte of them must not take minutes."""
    mark = '"type": "tool_call_response", '

    assert answered_ids("{" + mark * 20_000) == []
    assert answered_ids("{" + mark * 20_000 + '"id": "x"}') == ["x"]


def test_captured_genai_and_openinference_twins_agree(shared_data: Path) -> None:
    """The same call, as published in both conventions, gives the same text and the same answered call."""
    twins = shared_data / "otlp" / "openinference-genai"
    names = ("otel_genai_client_span_tool_calls", "openinference_client_span_tool_calls")
    found = [content(json.loads((twins / f"{name}.json").read_text())) for name in names]

    texts = [[message.text for message in one.output() or ()] for one in found]
    assert texts[0] == texts[1] == ["The weather in Paris is currently rainy with a temperature of 57°F."]
    assert [one.answered_calls() for one in found] == [("1234",), ("1234",)]
    assert [one.max_tokens() for one in found] == [200, 200]
