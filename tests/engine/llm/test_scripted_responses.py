"""The scripted model over the Responses API, through the client that production code uses."""

import json
from collections.abc import AsyncIterator

import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall

from engine.llm.scripted import Reply, ScriptedServer, ToolCall, Usage, as_chat

REPLY = Reply(
    text="a sentence that is longer than one piece of the stream",
    tool_calls=[ToolCall("read", json.dumps({"path": "p" * 60})), ToolCall("read", '{"path":', "c-9")],
    usage=Usage(100, 20, cached=64, reasoning=7),
)


@pytest.fixture
async def served() -> AsyncIterator[tuple[ScriptedServer, openai.AsyncOpenAI]]:
    with ScriptedServer(lambda request: REPLY) as server:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client:
            yield server, client


Served = tuple[ScriptedServer, openai.AsyncOpenAI]


async def test_a_response_has_text_calls_and_usage(served: Served) -> None:
    """Agents built on this API must be testable without a model."""
    server, client = served

    response = await client.responses.create(model="small", input="hello")

    calls = [item for item in response.output if isinstance(item, ResponseFunctionToolCall)]
    assert response.output_text == REPLY.text
    assert [(call.call_id, call.name, call.arguments) for call in calls] == [
        ("call_1_0", "read", REPLY.tool_calls[0].arguments),
        ("c-9", "read", '{"path":'),
    ]
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens) == (100, 64)
    assert (response.usage.output_tokens, response.usage.output_tokens_details.reasoning_tokens) == (20, 7)
    assert server.requests[0].path == "/v1/responses"


async def test_a_stream_adds_up_to_the_same_response(served: Served) -> None:
    """The pieces, the finished items and the whole at the end must tell the same story."""
    _, client = served

    whole = await client.responses.create(model="small", input="hello")
    events = [event async for event in await client.responses.create(model="small", input="hello", stream=True)]

    last = events[-1]
    assert last.type == "response.completed"
    assert without_ids(last.response) == without_ids(whole)
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == REPLY.text
    arguments = [event.arguments for event in events if event.type == "response.function_call_arguments.done"]
    assert arguments == [call.arguments for call in REPLY.tool_calls]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert done == last.response.output


def without_ids(response: Response) -> str:
    numbered = response.model_dump_json()
    return numbered.replace("_2", "_1")


async def test_an_answer_cut_at_its_limit_is_incomplete() -> None:
    """This API has no finish reason; a status and its details say it."""
    with ScriptedServer([Reply(text="and then", finish_reason="length")]) as server:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k") as client:
            response = await client.responses.create(model="small", input="hello")

    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


def test_a_request_reads_as_a_chat_request() -> None:
    """One script plays both APIs, so that two agents on different ones can be compared."""
    request = {
        "model": "small",
        "instructions": "Be brief.",
        "tools": [],
        "input": [
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "What is "}, {"type": "input_text", "text": "7?"}],
            },
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
            {"type": "function_call", "call_id": "c-1", "name": "look_up", "arguments": "{}", "id": "fc_1"},
            {"type": "function_call_output", "call_id": "c-1", "output": "a prime"},
        ],
    }
    call = {"id": "c-1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}

    assert as_chat(request) == {
        "model": "small",
        "instructions": "Be brief.",
        "tools": [],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is 7?"},
            {"role": "assistant", "content": "Let me see."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c-1", "content": "a prime"},
        ],
    }
    assert as_chat({"input": "hello"})["messages"] == [{"role": "user", "content": "hello"}]
    assert as_chat({"messages": []}) == {"messages": []}
