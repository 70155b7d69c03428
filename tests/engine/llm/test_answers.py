"""What a model says, over both APIs and through the real client."""

from dataclasses import replace

import pytest

from engine.llm.answering import Answering
from engine.llm.model import ModelAnswer, ModelUsage
from engine.llm.scripted import Reply, ToolCall, Usage
from tests.engine.llm.playing import APIS, COUNT, LOOK_UP, Api, call, playing

LONG = "a sentence that is longer than one piece of a stream, and then some"
REPLIES = {
    "text": Reply(text=LONG, usage=Usage(100, 20, cached=64, reasoning=7)),
    "parallel tool calls": Reply(
        tool_calls=[ToolCall("look_up", '{"id": "' + "7" * 60 + '"}'), ToolCall("look_up", '{"id":', "c-9")],
        usage=Usage(3, 4),
    ),
    "text and a tool call": Reply(text="let me see", tool_calls=[ToolCall("count")], usage=Usage(3, 4)),
    "refusal": Reply(refusal="I will not do that, whoever asks.", usage=Usage(3, 4)),
    "cut at the limit": Reply(text="and then", finish_reason="length", usage=Usage(3, 4)),
    "filtered": Reply(text="the recipe is", finish_reason="content_filter", usage=Usage(3, 4)),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_both_apis_give_the_same_answer(reply: Reply) -> None:
    """An agent must not behave differently because its endpoint speaks the other API."""
    answers = []
    for api in APIS:
        async with playing([reply], api) as played:
            answers.append(replace(await played.model.answer(call(tools=[LOOK_UP, COUNT])), item_id=""))

    assert answers[0] == answers[1]


@pytest.mark.parametrize("api", APIS)
async def test_text_streams_under_the_id_of_its_answer(api: Api) -> None:
    """A reader of the stream joins the pieces to the finished message by this id."""
    pieces: list[tuple[str, str]] = []

    async with playing([Reply(text=LONG)], api) as played:
        answer = await played.model.answer(call(), lambda item_id, piece: pieces.append((item_id, piece)))

    assert "".join(piece for _, piece in pieces) == answer.text == LONG
    assert {item_id for item_id, _ in pieces} == {answer.item_id}
    assert len(pieces) > 2


@pytest.mark.parametrize("api", APIS)
async def test_tool_calls_arrive_as_the_model_wrote_them(api: Api) -> None:
    """Malformed arguments are told to the model, so nobody may repair or drop them on the way."""
    async with playing([REPLIES["parallel tool calls"]], api) as played:
        answer = await played.model.answer(call(tools=[LOOK_UP]))

    calls = [(call.id, call.function.name, call.function.arguments) for call in answer.tool_calls]
    assert calls == [("call_1_0", "look_up", '{"id": "' + "7" * 60 + '"}'), ("c-9", "look_up", '{"id":')]
    assert answer.finish == "tool_calls"


@pytest.mark.parametrize("api", APIS)
async def test_usage_tells_cached_and_reasoning_tokens(api: Api) -> None:
    """Budgets and prices rest on these four numbers."""
    async with playing([REPLIES["text"]], api) as played:
        answer = await played.model.answer(call())

    assert answer.usage == ModelUsage(1, input_tokens=100, output_tokens=20, cached_tokens=64, reasoning_tokens=7)
    assert answer.model == "small"


@pytest.mark.parametrize("api", APIS)
async def test_a_refusal_is_no_answer(api: Api) -> None:
    """A refusal that passed for text would end up as a report."""
    async with playing([REPLIES["refusal"], REPLIES["filtered"], REPLIES["text"]], api) as played:
        answers = [await played.model.answer(call()) for _ in range(3)]

    assert [answer.refusal for answer in answers] == ["I will not do that, whoever asks.", "the recipe is", ""]
    assert [answer.text for answer in answers] == ["", "the recipe is", LONG]


@pytest.mark.parametrize("api", APIS)
async def test_an_answer_cut_at_its_limit_says_so(api: Api) -> None:
    """Whoever parses an answer has to know that it stops in the middle."""
    async with playing([REPLIES["cut at the limit"]], api) as played:
        assert (await played.model.answer(call())).finish == "length"


async def test_an_endpoint_that_numbers_its_calls_badly_still_makes_two_of_them() -> None:
    """Some endpoints stream every parallel call under index 0; two calls must not become one of nonsense."""

    answering = Answering(None, "answer-1", has_content=True)
    answering.called(0, "a", "look_up", '{"id": ')
    answering.called(0, "", "", "1}")
    answering.called(0, "b", "count", "{}")
    answering.finished("tool_calls", "tool_calls")

    answer = answering.result()
    assert isinstance(answer, ModelAnswer)
    assert [(one.id, one.function.arguments) for one in answer.tool_calls] == [("a", '{"id": 1}'), ("b", "{}")]


async def test_a_call_without_an_id_is_given_one() -> None:
    """Its result has to name the call it answers."""

    answering = Answering(None, "answer-1", has_content=True)
    answering.called(0, "", "count", "")
    answering.finished("stop", "stop")

    answer = answering.result()
    assert isinstance(answer, ModelAnswer)
    assert (answer.tool_calls[0].id, answer.tool_calls[0].function.arguments) == ("call_answer-1_0", "{}")
    assert answer.finish == "tool_calls"


async def test_no_two_calls_of_an_answer_share_an_id() -> None:
    """Strict endpoints refuse a conversation with an id twice, and a result names its call by it."""
    answering = Answering(None, "answer-1", has_content=True)
    for key, call_id in enumerate(["a", "a", "a_2", " ", "a"]):
        answering.called(key, call_id, "count", "{}")
    answering.finished("tool_calls", "tool_calls")

    answer = answering.result()
    assert isinstance(answer, ModelAnswer)
    assert [one.id for one in answer.tool_calls] == ["a", "a_2", "a_2_2", "call_answer-1_3", "a_3"]


async def test_a_call_without_a_name_is_a_call_of_no_tool() -> None:
    """The model is told that there is no such tool; an empty name sent back would be refused."""
    answering = Answering(None, "answer-1", has_content=True)
    answering.called(0, "a", "", "{}")
    answering.finished("tool_calls", "tool_calls")

    answer = answering.result()
    assert isinstance(answer, ModelAnswer)
    assert answer.tool_calls[0].function.name == "nameless"
