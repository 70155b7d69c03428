"""What single dialects do in their own way: placeholders, dumps, hidden content, and several conventions at once."""

import json
from typing import Any

import pytest

from domain.content import SpanContent
from domain.content_arguments import read_arguments
from domain.content_messages import REDACTED, Message, ToolCall, ToolResult
from domain.log_events import span_event
from domain.otlp import LogRecord, PlainValue, Span, any_value
from tests.spans import make_span


def content(attributes: dict[str, Any], *events: Span.Event) -> SpanContent:
    """The content of a span with these attributes and events."""
    span = make_span(attributes=attributes)
    span.events.extend(events)
    return SpanContent(span)


def event(name: str, **said: PlainValue) -> Span.Event:
    """A span event; underscores in keys stand for dots, twice for one underscore."""
    found = Span.Event(name=name)
    for key, value in said.items():
        found.attributes.add(key=key.replace("__", "\0").replace("_", ".").replace("\0", "_")).value.CopyFrom(
            any_value(value)
        )
    return found


def arguments(found: SpanContent) -> PlainValue:
    """The arguments of a tool's span as a value."""
    recorded = found.arguments()
    return None if recorded is None else read_arguments(recorded).value


def _langchain(name: str, **said: Any) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": said}


def test_an_adk_placeholder_is_nothing_recorded() -> None:
    """Without content capture ADK writes {}: neither an empty answer nor a call without arguments."""
    model = content({"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.llm_response": "{}"})
    tool = content({"gcp.vertex.agent.tool_call_args": "{}", "gcp.vertex.agent.tool_response": "{}"})
    unspecified = content(
        {"gen_ai.tool.call.id": "<not specified>", "gcp.vertex.agent.tool_response": '{"result": "<not specified>"}'}
    )

    assert (model.output(), model.input_messages(), model.declared_tools()) == (None, None, None)
    assert (tool.arguments(), tool.result()) == (None, None)
    assert (unspecified.call_id(), unspecified.result()) == ("", None)


def test_adk_arguments_may_be_none_at_all() -> None:
    """Beside a recorded result {} is a call without arguments."""
    tool = content({"gcp.vertex.agent.tool_call_args": "{}", "gcp.vertex.agent.tool_response": '{"result": "noon"}'})

    assert (arguments(tool), tool.result()) == ({}, "noon")


def test_gemini_thoughts_and_images_are_not_words() -> None:
    """Gemini's parts have no type."""
    parts = [{"text": "hm", "thought": True}, {"text": "sunny"}, {"inline_data": {"mime_type": "image/png"}}]
    response = {"content": {"role": "model", "parts": parts}, "finish_reason": "FinishReason.MAX_TOKENS"}
    found = content({"gcp.vertex.agent.llm_response": json.dumps(response)})

    (message,) = found.output() or ()
    assert (message.role, message.text, message.reasoning, message.other_parts) == ("assistant", "sunny", "hm", 1)
    assert found.finish_reason((message,)) == "length"


def test_a_langchain_run_dumped_whole_is_read() -> None:
    """LangSmith and OpenLLMetry keep inputs and outputs as LangChain serialises them."""
    call = {"name": "get_weather", "args": {"city": "Paris"}, "id": "c1", "type": "tool_call"}
    inputs = {"messages": [[
        _langchain("SystemMessage", content="Be brief.", type="system"),
        _langchain("HumanMessage", content=[{"type": "text", "text": "Weather?"}], type="human"),
        _langchain("AIMessage", content="", type="ai", tool_calls=[call]),
        _langchain("ToolMessage", content="21C", type="tool", tool_call_id="c1"),
    ]]}  # fmt: skip
    answer = _langchain("AIMessage", content="It is 21C.", response_metadata={"finish_reason": "end_turn"})
    outputs = {"generations": [[{"text": "It is 21C.", "type": "ChatGeneration", "message": answer}]], "run": None}
    found = content({"gen_ai.prompt": json.dumps(inputs), "gen_ai.completion": json.dumps(outputs)})

    assert found.input_messages() == (
        Message("system", "Be brief."),
        Message("user", "Weather?"),
        Message("assistant", calls=(ToolCall("c1", "get_weather", '{"city": "Paris"}'),)),
        Message("tool", results=(ToolResult("c1", "21C"),)),
    )
    assert [message.text for message in found.output() or ()] == ["It is 21C."]
    assert (found.finish_reason(found.output() or ()), found.answered_calls()) == ("stop", ("c1",))


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.prompt": json.dumps({"input": "{'city': 'Paris', 'days': None}"})},
        {"input.value": "{'city': 'Paris', 'days': None}"},
        {
            "traceloop.entity.input": json.dumps(
                {"input_str": "x", "tags": [], "inputs": {"city": "Paris", "days": None}}
            )
        },
        {"traceloop.entity.input": json.dumps({"input_str": "{'city': 'Paris', 'days': None}", "tags": []})},
        {"langfuse.observation.input": "{'city': 'Paris', 'days': None}"},
    ],
)
def test_arguments_printed_by_python_are_arguments(attributes: dict[str, Any]) -> None:
    """LangChain's tracers keep `str(arguments)`; without reading it no call matches what the model asked for."""
    assert arguments(content(attributes)) == {"city": "Paris", "days": None}


@pytest.mark.parametrize(
    "text",
    [
        "{'a': __import__('os')}",
        "{'a': b'x'}",
        "{1, 2}",
        "{'a'",
        "{'a': '\\d'}",
        "{'a': 1or 2}",
        "{'a':" * 300 + "}" * 300,
    ],
)
def test_only_literals_of_python_are_read(text: str) -> None:
    """Text stays text: nothing of a span is ever run, and nothing that is no plain value is an argument."""
    recorded = content({"input.value": text}).arguments()

    assert recorded is not None
    assert not read_arguments(recorded).is_json


@pytest.mark.parametrize(
    ("attributes", "result", "call_id"),
    [
        ({"output.value": '{"content": "21C", "type": "tool", "tool_call_id": "c1"}'}, "21C", "c1"),
        ({"gen_ai.completion": '{"output": "21C"}'}, "21C", ""),
        ({"traceloop.entity.output": '{"output": "21C", "kwargs": {"tags": []}}'}, "21C", ""),
        ({"traceloop.entity.output": '"21C"'}, "21C", ""),
        ({"output.value": '"21C"'}, '"21C"', ""),
        ({"output.value": '"21C"', "output.mime_type": "application/json"}, "21C", ""),
        ({"ai.toolCall.result": '{"celsius":21}'}, '{"celsius":21}', ""),
        ({"gen_ai.tool.call.result": {"celsius": 21}}, '{"celsius": 21}', ""),
        ({"gen_ai.tool.call.result": ""}, "", ""),
        ({"gen_ai.tool.call.result": "", "output.value": "21C"}, "21C", ""),
    ],
)
def test_a_result_is_what_the_tool_said(attributes: dict[str, Any], result: str, call_id: str) -> None:
    """The same result in two dialects must be the same text: repeated calls are found by it."""
    found = content(attributes)

    assert (found.result(), found.call_id()) == (result, call_id)


def test_a_tool_event_is_a_result() -> None:
    """Before 1.38 there was no attribute for it."""
    found = content({}, event("gen_ai.tool.message", id="c1", content='{"celsius": 21}'))

    assert (found.result(), found.call_id()) == ('{"celsius": 21}', "c1")


def test_content_that_was_switched_off_is_not_empty_content() -> None:
    """pydantic-ai keeps the parts without their words, OpenTelemetry's events keep the roles, OpenInference a mark."""
    parts = [{"role": "assistant", "parts": [{"type": "text"}, {"type": "tool_call", "id": "c", "name": "t"}]}]
    hidden = content({"gen_ai.output.messages": json.dumps(parts)}).output() or ()
    choice = content({}, event("gen_ai.choice", index=0, finish__reason="stop", message='{"role": "assistant"}'))
    masked = content({"output.value": REDACTED, "input.value": REDACTED, "llm.tools.0.tool.json_schema": REDACTED})

    assert hidden == (Message("assistant", REDACTED, (ToolCall("c", "t", None),)),)
    assert [message.text for message in choice.output() or ()] == [REDACTED]
    assert choice.finish_reason(()) == "stop"
    assert (masked.output(), masked.input_messages(), masked.declared_tools()) == (None, None, None)


def test_calls_of_hidden_answers_are_known_without_their_arguments() -> None:
    """With capture off the events still name the tools that were asked for."""
    call = {"id": "c", "type": "function", "function": {"name": "t"}}
    found = content(
        {}, event("gen_ai.choice", index=0, message=json.dumps({"role": "assistant", "tool_calls": [call]}))
    )

    assert found.output() == (Message("assistant", calls=(ToolCall("c", "t", None),)),)


def test_calls_beside_a_choices_message_are_its_calls() -> None:
    """The conventions once kept them in the body, next to the message."""
    call = {"id": "c", "type": "function", "function": {"name": "t", "arguments": '{"a": 1}'}}
    found = content({}, event("gen_ai.choice", message='{"role": "assistant"}', tool__calls=json.dumps([call])))

    assert found.output() == (Message("assistant", calls=(ToolCall("c", "t", '{"a": 1}'),)),)


def test_choices_come_in_their_order() -> None:
    """Log records arrive in any order."""
    records = [
        LogRecord(event_name="gen_ai.choice", body=any_value({"index": at, "message": {"content": str(at)}}))
        for at in (1, 0)
    ]
    found = content({}, *map(span_event, records))

    assert [message.text for message in found.output() or ()] == ["0", "1"]


_OLDER_EVENTS = [
    (event("gen_ai.user.message", role="user"), event("gen_ai.choice", message='{"content": "sunny"}')),
    (
        event("gen_ai.content.prompt", gen__ai_prompt="Weather?"),
        event("gen_ai.content.completion", gen__ai_completion="sunny"),
    ),
    (
        event("gen_ai.user.message", gen__ai_event_content='{"content": "Weather?"}'),
        event("gen_ai.choice", gen__ai_event_content='{"index": 0, "message": {"content": "sunny"}}'),
    ),
    (event("gen_ai.user.message", body="Weather?"), event("gen_ai.choice", message="sunny")),
    (event("log", gen__ai_prompt="Weather?", gen__ai_completion="sunny"),),
]


@pytest.mark.parametrize("events", _OLDER_EVENTS)
def test_older_events_of_several_emitters_are_messages(events: tuple[Span.Event, ...]) -> None:
    """Semantic Kernel, Azure and the earliest GenAI instrumentations each had a way of their own."""
    found = content({}, *events)

    assert [message.text for message in found.output() or ()] == ["sunny"]
    hidden = events == _OLDER_EVENTS[0]
    assert found.input_messages() == (Message("user", REDACTED if hidden else "Weather?"),)


def test_vercel_3_results_and_reasoning_are_read() -> None:
    """Its keys were ai.result.* before they were ai.response.*."""
    calls = [{"toolCallId": "c", "toolName": "t", "args": {"a": 1}}]
    found = content(
        {"ai.result.text": "sunny", "ai.result.toolCalls": json.dumps(calls), "ai.response.reasoning": "hm"}
    )

    assert found.output() == (Message("assistant", "sunny", (ToolCall("c", "t", '{"a": 1}'),), reasoning="hm"),)


_ASKED = {"role": "user", "content": "Q"}
_RESULT_PART = {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "R"}]}
_GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": "Q"}]}],
    "config": {"system_instruction": {"parts": [{"text": "S"}]}},
}
_RESPONSES_INPUT = [
    _ASKED,
    {"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "R"},
]


@pytest.mark.parametrize(
    ("request_body", "system", "roles"),
    [
        ({"system": [{"type": "text", "text": "S"}], "messages": [_ASKED]}, "S", ["system", "user"]),
        ({"instructions": "S", "input": "Q"}, "S", ["system", "user"]),
        ({"messages": [{"role": "developer", "content": "S"}, _ASKED]}, "S", ["system", "user"]),
        (_GEMINI, "S", ["system", "user"]),
        (_RESPONSES_INPUT, "", ["user", "assistant", "tool"]),
        ([{"role": "user", "content": [_RESULT_PART]}], "", ["tool"]),
        ("Q", "", ["user"]),
        ({"question": "Q"}, "", ["user"]),
    ],
)
def test_requests_of_every_provider_are_conversations(request_body: Any, system: str, roles: list[str]) -> None:
    """OpenAI chat and responses, Anthropic, Gemini, and a plain text."""
    found = content({"input.value": json.dumps(request_body)})

    assert found.system_prompt() == system
    assert [message.role for message in found.input_messages() or ()] == roles


def test_a_conversation_without_a_system_prompt_differs_from_none_recorded() -> None:
    """Whether an agent has instructions can be said only where its conversation is known."""
    assert content({"gen_ai.input.messages": '[{"role": "user", "parts": []}]'}).system_prompt() == ""
    assert content({"gen_ai.request.model": "m"}).system_prompt() is None
    assert content({"gen_ai.system_instructions": "Be brief."}).system_prompt() == "Be brief."


def test_of_several_conventions_the_first_that_says_something_counts() -> None:
    """Langfuse, Logfire and OpenLLMetry write beside GenAI; one of them may have said nothing."""
    output = [{"role": "assistant", "parts": [{"type": "text", "content": "sunny"}]}]
    both = {"gen_ai.output.messages": json.dumps(output), "response_data": '{"message": {"content": "cloudy"}}'}

    assert [message.text for message in content(both).output() or ()] == ["sunny"]
    assert [message.text for message in content(both | {"gen_ai.output.messages": "[]"}).output() or ()] == ["cloudy"]
    assert content({"gen_ai.output.messages": "[]", "output.value": ""}).output() == ()
    assert content({"gen_ai.output.messages": "[]"}, event("gen_ai.choice", message="rain")).output() == (
        Message("assistant", "rain"),
    )


def test_an_agents_output_is_found_in_every_dialect() -> None:
    """What a run returned: a value, a wrapper's only content, or its last message."""
    run = [
        {"role": "user", "parts": [{"type": "text", "content": "Q"}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "A"}]},
    ]
    told: list[dict[str, Any]] = [
        {"output.value": "A"},
        {"final_result": "A"},
        {"traceloop.entity.output": '"A"'},
        {"gen_ai.completion": '{"output": "A"}'},
        {"langfuse.observation.output": "A"},
        {"ai.response.text": "A"},
        {"pydantic_ai.all_messages": json.dumps(run)},
        {"gen_ai.output.messages": json.dumps(run[1:])},
    ]

    assert [content(each).output_value() for each in told] == ["A"] * len(told)
    assert content({"pydantic_ai.all_messages": json.dumps(run[:1])}).output_value() is None
    assert content({"gen_ai.completion": '{"output": ""}'}).output_value() == ""


@pytest.mark.parametrize(
    ("recorded", "word"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("FinishReason.STOP", "stop"),
        ("completed", "stop"),
        ("MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("incomplete", "length"),
        ("tool_call", "tool_calls"),
        ("tool-calls", "tool_calls"),
        ("tool_use", "tool_calls"),
        ("content-filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("pause_turn", "other"),
    ],
)
def test_finish_reasons_are_one_vocabulary(recorded: str, word: str) -> None:
    """Detectors compare words; every provider has its own."""
    assert content({"gen_ai.response.finish_reasons": [recorded]}).finish_reason(()) == word
    assert content({"output.value": json.dumps({"stop_reason": recorded})}).finish_reason(()) == word


_OBJECT = {"type": "object"}
_OPENAI_TOOL = {"type": "function", "function": {"name": "t", "parameters": _OBJECT}}
_PYDANTIC_TOOL = {"name": "t", "parameters_json_schema": _OBJECT}
_ANTHROPIC_REQUEST = {"messages": [], "tools": [{"name": "t", "input_schema": _OBJECT}]}
_GEMINI_TOOL = {"function_declarations": [{"name": "t", "parameters": {"type": "OBJECT"}}]}


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.tool.definitions": json.dumps([{"name": "t", "inputSchema": _OBJECT}])},
        {"ai.prompt.tools": [json.dumps({"type": "function", "name": "t", "parameters": _OBJECT})]},
        {"llm.request.functions.0.name": "t", "llm.request.functions.0.parameters": json.dumps(_OBJECT)},
        {"model_request_parameters": json.dumps({"function_tools": [_PYDANTIC_TOOL]})},
        {"llm.invocation_parameters": json.dumps({"tools": [_OPENAI_TOOL]})},
        {"request_data": json.dumps(_ANTHROPIC_REQUEST)},
        {"input.value": json.dumps(_ANTHROPIC_REQUEST)},
        {"gcp.vertex.agent.llm_request": json.dumps({"config": {"tools": [_GEMINI_TOOL]}})},
    ],
)
def test_declared_tools_are_found_in_every_dialect(attributes: dict[str, Any]) -> None:
    """Without declarations neither invented tools nor wrong arguments can be seen."""
    tools = content(attributes).declared_tools() or {}

    assert {name: dict(tool.schema or {}) for name, tool in tools.items()} == {"t": {"type": "object"}}
