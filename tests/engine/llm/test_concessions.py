"""Endpoints that lack an option of the API they imitate."""

import pytest

from domain.errors import PermanentError, RetryableError
from engine.llm.scripted import HttpError, Json, Reply
from tests.engine.llm.playing import APIS, LOOK_UP, Api, call, playing, refused


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("option", ["stream_options", "stream", "parallel_tool_calls", "tool_choice"])
async def test_an_option_that_is_refused_is_left_out_from_then_on(option: str, status: int) -> None:
    """One refusal a connection is cheap; one an answer would double the requests of a run."""

    def picky(request: Json) -> Reply:
        if option in request:
            return refused(status, f"Unknown parameter: '{option}'.")
        return Reply(text="fine")

    async with playing(picky) as played:
        answers = [await played.model.answer(call(tools=[LOOK_UP], forced="look_up")) for _ in range(2)]

    assert [answer.text for answer in answers] == ["fine", "fine"]
    assert [answer.usage.requests for answer in answers] == [2, 1]
    assert [option in body for body in played.bodies] == [True, False, False]
    assert played.slept == []


async def test_a_limit_of_tokens_goes_under_its_older_name() -> None:
    """Most compatible endpoints know `max_tokens` only; without the limit an answer may cost anything."""

    def picky(request: Json) -> Reply:
        if "max_completion_tokens" in request:
            return refused(400, "Unsupported parameter", param="max_completion_tokens")
        return Reply(text="fine")

    async with playing(picky) as played:
        await played.model.answer(call(maximum_output_tokens=50))

    assert played.bodies[1]["max_tokens"] == 50


async def test_several_options_are_left_out_one_after_the_other() -> None:
    """Endpoints name the first option they stumble over."""

    def picky(request: Json) -> Reply:
        for option in ("stream_options", "stream", "parallel_tool_calls"):
            if option in request:
                return refused(400, f"{option}: extra inputs are not permitted")
        return Reply(text="fine")

    async with playing(picky) as played:
        answer = await played.model.answer(call(tools=[LOOK_UP]))

    assert (answer.text, answer.usage.requests) == ("fine", 4)


async def test_a_model_that_needs_an_option_keeps_it() -> None:
    """What one model of a router refuses, another may need."""

    def picky(request: Json) -> Reply:
        picks = request["model"] == "picky" and "stream" in request
        return refused(400, "streaming is not supported") if picks else Reply(text="fine")

    async with playing(picky) as played:
        await played.model.answer(call(name="picky"))
        await played.model.answer(call(name="small"))

    assert [body.get("stream") for body in played.bodies] == [True, None, True]


@pytest.mark.parametrize("api", APIS)
async def test_an_answer_that_is_not_streamed_is_told_at_once(api: Api) -> None:
    """Whoever shows the text while it streams has to show this one too."""
    pieces: list[str] = []

    def picky(request: Json) -> Reply:
        return refused(400, "stream is not supported") if request.get("stream") else Reply(text="all of it")

    async with playing(picky, api) as played:
        answer = await played.model.answer(call(), lambda item_id, piece: pieces.append(piece))

    assert pieces == ["all of it"] == [answer.text]


@pytest.mark.parametrize("api", APIS)
async def test_an_error_in_the_place_of_an_answer_is_told(api: Api) -> None:
    """Routers report failures with status 200 when they do not stream."""

    def picky(request: Json) -> Reply:
        return refused(400, "stream is not supported") if request.get("stream") else Reply(text="x", fault="error")

    async with playing(picky, api, attempts=1) as played:
        with pytest.raises(RetryableError, match="the scripted model stopped in error"):
            await played.model.answer(call())


async def test_a_setting_of_the_user_is_never_dropped() -> None:
    """A temperature that does not hold is a lie in the report; the user has to hear of it."""
    async with playing([refused(400, "temperature: only the default (1) is supported")]) as played:
        with pytest.raises(PermanentError, match=r"temperature: only the default.*change the setting it names"):
            await played.model.answer(call(temperature=0.1))

    assert len(played.bodies) == 1


async def test_a_refusal_that_is_not_about_options_is_not_bargained_with() -> None:
    """Every useless request costs the user time."""
    async with playing([Reply(error=HttpError(400, "the body is odd"))]) as played:
        with pytest.raises(PermanentError, match=r"400 from .*: the body is odd"):
            await played.model.answer(call(tools=[LOOK_UP]))

    assert len(played.bodies) == 1
