"""What is sent for a call, read from what the server received."""

import asyncio
import json
from typing import Any

import pytest

from engine.llm.chat import chat_request
from engine.llm.model import ModelAnswer
from engine.llm.scripted import Reply, as_chat
from engine.models.messages import AgentMessage, AgentToolCall, AgentToolFunction
from tests.engine.llm.playing import APIS, COUNT, KEY, LOOK_UP, Api, call, playing

CALLED = AgentToolCall(id="c-1", function=AgentToolFunction(name="look_up", arguments='{"id": 7}'))
CONVERSATION = (
    AgentMessage(role="system", content="Be brief."),
    AgentMessage(role="user", content=[{"type": "text", "text": "What is 7?"}]),
    AgentMessage(role="assistant", content="Let me see.", tool_calls=[CALLED]),
    AgentMessage(role="tool", content="a prime", tool_call_id="c-1", name="look_up"),
    AgentMessage(role="user", content="So?"),
)


async def sent(api: Api, **settings: Any) -> dict[str, Any]:
    async with playing([Reply(text="x")], api) as played:
        await played.model.answer(call(**settings))
    return played.bodies[0]


@pytest.mark.parametrize("api", APIS)
async def test_what_is_not_set_is_not_sent(api: Api) -> None:
    """Models refuse options they do not know, so a default of ours would lock some of them out."""
    body = await sent(api)

    assert (
        body.keys()
        & {
            "temperature",
            "max_completion_tokens",
            "max_tokens",
            "max_output_tokens",
            "reasoning_effort",
            "reasoning",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
        }
        == set()
    )


async def test_settings_reach_chat_completions_under_their_names() -> None:
    """Each API calls the same setting something else."""
    body = await sent(
        "chat",
        tools=[LOOK_UP],
        forced="look_up",
        temperature=0.5,
        maximum_output_tokens=9,
        reasoning_effort="low",
        parallel_tool_calls=False,
    )

    assert body["tools"][0]["function"] == {
        "name": "look_up",
        "description": LOOK_UP.description,
        "parameters": LOOK_UP.parameters,
    }
    assert body["tool_choice"] == {"type": "function", "function": {"name": "look_up"}}
    assert body["stream_options"] == {"include_usage": True}
    assert [body[name] for name in ("temperature", "max_completion_tokens", "reasoning_effort")] == [0.5, 9, "low"]
    assert body["parallel_tool_calls"] is False


async def test_settings_reach_the_responses_api_under_their_names() -> None:
    """Each API calls the same setting something else; and nothing is kept at the endpoint."""
    body = await sent(
        "responses",
        tools=[LOOK_UP],
        forced="look_up",
        temperature=0.5,
        maximum_output_tokens=9,
        reasoning_effort="low",
        parallel_tool_calls=False,
    )

    assert body["tools"][0].items() >= {"type": "function", "name": "look_up", "strict": False}.items()
    assert body["tool_choice"] == {"type": "function", "name": "look_up"}
    assert [body[name] for name in ("temperature", "max_output_tokens", "reasoning")] == [0.5, 9, {"effort": "low"}]
    assert (body["parallel_tool_calls"], body["store"]) == (False, False)


@pytest.mark.parametrize("api", APIS)
async def test_summaries_of_old_turns_are_not_thought_about(api: Api) -> None:
    """Compaction runs often and is easy; paying a reasoning model to ponder it would double its price."""
    body = await sent(api, purpose="compaction", reasoning_effort="high")

    assert body.keys() & {"reasoning_effort", "reasoning"} == set()


async def test_the_same_conversation_means_the_same_over_both_apis() -> None:
    """A checkpoint written over one API has to resume over the other."""
    bodies = []
    for api in APIS:
        async with playing([Reply(text="x")], api) as played:
            await played.model.answer(call(*CONVERSATION))
        bodies.append(as_chat(played.bodies[0])["messages"])

    chat, responses = bodies
    assert responses[0] == chat[0] == {"role": "system", "content": "Be brief."}
    assert [message["role"] for message in responses] == [
        "system",
        "user",
        "assistant",
        "assistant",
        "tool",
        "user",
    ]
    assert responses[1]["content"] == "What is 7?"
    assert responses[3]["tool_calls"] == chat[2]["tool_calls"]
    assert responses[4] == {"role": "tool", "tool_call_id": "c-1", "content": "a prime"}


def test_a_longer_conversation_begins_with_the_bytes_of_the_shorter() -> None:
    """Providers bill a prefix that they have seen at a tenth of the price, if it is the same to the byte."""
    shorter = chat_request(call(*CONVERSATION[:4], tools=[LOOK_UP, COUNT]))
    longer = chat_request(call(*CONVERSATION, tools=[LOOK_UP, COUNT]))

    def prefix(body: dict[str, Any]) -> str:
        return json.dumps([body["tools"], body["messages"]]).removesuffix("]]")

    assert prefix(longer).startswith(prefix(shorter))


async def test_the_key_and_the_headers_of_the_provider_are_sent() -> None:
    """Gateways ask for headers of their own beside the key."""
    async with playing([Reply(text="x")], default_headers={"X-Team": "blue"}) as played:
        await played.model.answer(call())

    headers = played.server.requests[0].headers
    assert (headers["authorization"], headers["x-team"]) == (f"Bearer {KEY}", "blue")


async def test_many_questions_may_be_asked_at_once() -> None:
    """Subagents share the connection; their answers must not mix."""

    def echo(request: dict[str, Any]) -> Reply:
        return Reply(text=request["messages"][0]["content"] * 30)

    async with playing(echo) as played:
        asked = [call(AgentMessage(role="user", content=name)) for name in "abcdef"]
        answers: list[ModelAnswer] = await asyncio.gather(*map(played.model.answer, asked))

    assert [answer.text for answer in answers] == [name * 30 for name in "abcdef"]
