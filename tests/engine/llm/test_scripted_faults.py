"""Answers that go wrong on purpose: what the stock client makes of each fault of the scripted model."""

import asyncio
import json
from contextlib import ExitStack
from typing import Any

import openai
import pytest

from engine.llm.scripted import Fault, Reply, ScriptedServer

LONG = "half of it " * 20


async def streamed(client: openai.AsyncOpenAI) -> list[Any]:
    chunks = await client.chat.completions.create(
        model="small", messages=[{"role": "user", "content": "hello"}], stream=True
    )
    async with chunks:
        return [chunk async for chunk in chunks]


async def whole(client: openai.AsyncOpenAI) -> Any:
    return await client.chat.completions.create(model="small", messages=[{"role": "user", "content": "hello"}])


def client_of(server: ScriptedServer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0)


FAULTS: list[tuple[Fault, type[Exception]]] = [
    ("cut", openai.APIConnectionError),
    ("malformed", json.JSONDecodeError),
    ("error", openai.APIError),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
async def test_a_stream_breaks_after_its_first_pieces(fault: Fault, expected: type[Exception]) -> None:
    """A break before the first piece is another case: nothing has been shown to anybody yet."""
    with ScriptedServer([Reply(text=LONG, fault=fault, fault_after=4)]) as server:
        async with client_of(server) as client:
            chunks = await client.chat.completions.create(
                model="small", messages=[{"role": "user", "content": "hello"}], stream=True
            )
            pieces = []
            async with chunks:
                with pytest.raises(expected):
                    async for chunk in chunks:
                        pieces.append(chunk.choices[0].delta.content or "")

    assert "".join(pieces) == LONG[: 3 * 24]


async def test_an_unfinished_stream_ends_in_good_order() -> None:
    """A proxy that times out closes a stream politely; only the missing finish gives it away."""
    with ScriptedServer([Reply(text=LONG, fault="unfinished")]) as server:
        async with client_of(server) as client:
            chunks = await streamed(client)

    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 3


async def test_an_empty_answer_has_no_choices() -> None:
    """Filters and overloaded endpoints send it with status 200."""
    with ScriptedServer(lambda request: Reply(text=LONG, fault="empty")) as server:
        async with client_of(server) as client:
            assert await streamed(client) == []
            assert (await whole(client)).choices == []


async def test_a_body_can_be_cut_and_malformed_too() -> None:
    """Not everybody streams."""
    replies = [Reply(text=LONG, fault="cut"), Reply(text=LONG, fault="malformed")]
    with ScriptedServer(replies) as server:
        async with client_of(server) as client:
            with pytest.raises(openai.APIConnectionError):
                await whole(client)
            with pytest.raises(json.JSONDecodeError):
                await whole(client)


async def test_a_slow_answer_does_not_hold_up_the_end_of_a_test() -> None:
    """Leaving the block breaks off what is still being sent, or a test of slowness would be as slow."""
    with ExitStack() as serving:
        server = serving.enter_context(ScriptedServer([Reply(text=LONG, delay_s=3600)]))
        async with client_of(server) as client:
            asking = asyncio.create_task(whole(client))
            while not server.requests:
                await asyncio.wait([asking], timeout=0.01)
            await asyncio.to_thread(serving.close)
            with pytest.raises(openai.APIConnectionError):
                await asking
