"""What answers is told by its content type: a page is no API, an answer in one piece is an answer."""

from collections.abc import Callable

import pytest

from domain.errors import PermanentError, RetryableError
from engine.llm.receiving import kind_of
from engine.llm.scripted import HttpError, Json, Reply, ToolCall, Usage
from engine.llm.scripted_chat import completion_body
from engine.llm.scripted_responses import response_body
from tests.engine.llm.playing import APIS, LOOK_UP, Api, call, playing

BODIES: dict[Api, Callable[[Reply, Json, int], Json]] = {"chat": completion_body, "responses": response_body}
PAGE = "<html><body>Log in to the network</body></html>"


def sent(body: Json | str, content_type: str) -> Reply:
    """A body with status 200, whatever was asked for."""
    return Reply(error=HttpError(200, body, {"content-type": content_type}))


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=utf-8", "text/plain", "image/png"])
async def test_a_page_in_the_place_of_an_answer_ends_the_run_at_once(api: Api, content_type: str) -> None:
    """A missing /v1 or a login page never passes; six attempts and `try again later` would send the user astray."""
    async with playing([sent(PAGE, content_type)], api) as played:
        with pytest.raises(PermanentError) as caught:
            await played.model.answer(call())

    media = content_type.partition(";")[0]
    assert str(caught.value).endswith(
        f": answered {media}, which is no API; check the base URL (it usually ends in /v1)"
    )
    assert len(played.bodies) == 1


async def test_a_page_is_recognised_where_no_stream_was_asked_for() -> None:
    """An endpoint that refuses to stream may be behind the same login page a moment later."""
    no_streams = Reply(error=HttpError(400, {"error": {"message": "stream is not supported", "param": "stream"}}))
    async with playing([no_streams, sent(PAGE, "text/html")]) as played:
        with pytest.raises(PermanentError, match="no API"):
            await played.model.answer(call())


@pytest.mark.parametrize("api", APIS)
async def test_a_whole_answer_to_a_request_for_a_stream_is_an_answer(api: Api) -> None:
    """Gateways that buffer, and small servers that cannot stream, answer in one piece."""
    reply = Reply(text="all at once", tool_calls=[ToolCall("look_up", '{"id": "7"}', "c-1")], usage=Usage(9, 4))
    pieces: list[str] = []

    async with playing(
        lambda body: sent(BODIES[api](reply, body, 1), "application/json; charset=utf-8"), api
    ) as played:
        answer = await played.model.answer(call(tools=[LOOK_UP]), lambda item_id, piece: pieces.append(piece))

    assert played.bodies[0]["stream"]
    assert (answer.text, answer.tool_calls[0].id, answer.usage.tokens) == ("all at once", "c-1", 13)
    assert "".join(pieces) == answer.text


@pytest.mark.parametrize("api", APIS)
async def test_an_error_with_status_200_says_what_it_is(api: Api) -> None:
    """Routers report failures of those behind them in an object with nothing but an error."""
    overloaded = sent({"error": {"message": "the provider is overloaded", "code": 503}}, "application/json")
    async with playing([overloaded], api, attempts=1) as played:
        with pytest.raises(RetryableError, match="the provider is overloaded"):
            await played.model.answer(call())


@pytest.mark.parametrize("streamed", [True, False])
def test_a_missing_content_type_is_taken_for_what_was_asked(streamed: bool) -> None:
    """Small servers leave it out, and worked until now."""
    assert kind_of("", streamed=streamed) == ("events" if streamed else "whole")
