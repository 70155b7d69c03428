"""Failures of an endpoint: which are asked again, after which wait, and what is said of those that are not."""

import asyncio
from email.utils import formatdate

import pytest

from domain.errors import PermanentError, RetryableError
from engine.llm.model import ContextOverflowError
from engine.llm.scripted import Fault, HttpError, Reply, Usage
from tests.engine.llm.playing import APIS, KEY, NOW, Api, call, playing, refused

FINE = Reply(text="fine, and a little more than one piece", usage=Usage(10, 5))
FAULTS: tuple[Fault, ...] = ("cut", "unfinished", "malformed", "error", "empty")


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_a_passing_failure_is_asked_again(status: int) -> None:
    """Most failures of an endpoint are over a second later; a run of an hour must outlive them."""
    async with playing([refused(status, "too busy"), FINE]) as played:
        answer = await played.model.answer(call())

    assert (answer.text, answer.usage.requests) == (FINE.text, 2)
    assert played.told == [f"{status} from {host(played.server.base_url)}: too busy; asking again in 0.2 s (2 of 6)"]


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (400, "change the setting it names"),
        (401, "check the key: OPENAI_API_KEY or the provider's api_key"),
        (402, "the account has no credit left; top it up or use another key"),
        (403, "the key may not use this model; use another key or model"),
        (404, "check the model's name and the base URL"),
        (422, "change the setting it names"),
    ],
)
async def test_a_lasting_failure_ends_at_once_and_says_what_to_do(status: int, fix: str) -> None:
    """Asking again with a wrong key only delays the message that the user needs."""
    async with playing([refused(status, "This\nis not\tpossible.")]) as played:
        with pytest.raises(PermanentError) as caught:
            await played.model.answer(call())

    assert str(caught.value) == f"{status} from {host(played.server.base_url)}: This is not possible; {fix}"
    assert len(played.bodies) == 1


async def test_an_empty_account_is_no_matter_of_patience() -> None:
    """OpenAI answers 429 for it, like for a rate that is too high; only one of the two passes."""
    async with playing([refused(429, "You exceeded your current quota", code="insufficient_quota")]) as played:
        with pytest.raises(PermanentError, match="no credit left"):
            await played.model.answer(call())


async def test_the_last_failure_says_how_often_it_was_tried() -> None:
    """One line has to tell an outage from a hiccup."""
    async with playing([refused(503, "down")] * 3, attempts=3) as played:
        with pytest.raises(RetryableError, match=r"^503 from 127\.0\.0\.1:\d+: down; gave up after 3 attempts, try"):
            await played.model.answer(call())

    assert (len(played.bodies), len(played.slept)) == (3, 2)


async def test_waits_double_and_are_drawn_from_the_whole_range() -> None:
    """Agents that were turned away together must not come back together."""
    async with playing([refused(500)] * 9 + [FINE], attempts=10, draw=0.5) as played:
        await played.model.answer(call())

    assert played.slept == [0.25, 0.5, 1, 2, 4, 8, 15, 15, 15]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": formatdate(NOW + 42, usegmt=True)}, 42),
        ({"retry-after": formatdate(NOW - 42, usegmt=True)}, 0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "soon"}, 0.25),
    ],
)
async def test_the_wait_an_endpoint_asks_for_is_kept(headers: dict[str, str], seconds: float) -> None:
    """Who comes back earlier is turned away again, and on some endpoints for longer."""
    async with playing([refused(429, headers=headers), FINE]) as played:
        await played.model.answer(call())

    assert played.slept == [seconds]


async def test_a_wait_of_an_hour_is_left_to_the_caller() -> None:
    """A run that sleeps for an hour looks hung; the caller knows whether it is worth it."""
    async with playing([refused(429, headers={"retry-after": "3600"})]) as played:
        with pytest.raises(RetryableError, match="it asks to wait 3600 s") as caught:
            await played.model.answer(call())

    assert (caught.value.retry_after_s, played.slept) == (3600, [])


async def test_an_endpoint_may_say_itself_whether_to_ask_again() -> None:
    """`x-should-retry` knows more than a status code."""
    async with playing([refused(400, headers={"x-should-retry": "true"}), FINE]) as played:
        assert (await played.model.answer(call())).text == FINE.text

    async with playing([refused(500, headers={"x-should-retry": "false"}), FINE]) as played:
        with pytest.raises(PermanentError):
            await played.model.answer(call())


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_stream_that_goes_wrong_is_asked_again_and_counted(fault: Fault, api: Api) -> None:
    """Streams break where nobody is to blame; half an answer must never pass for one."""
    async with playing([Reply(text="half of it" * 9, fault=fault), FINE], api) as played:
        answer = await played.model.answer(call())

    assert (answer.text, answer.usage.requests, answer.usage.output_tokens) == (FINE.text, 2, 5)
    assert len(played.told) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_has_a_line_of_its_own(fault: Fault) -> None:
    """After the last attempt this line is all a person has to go by."""
    lines = {
        "cut": "the connection failed: ",
        "unfinished": "the answer broke off before its end",
        "malformed": "the answer is malformed: JSONDecodeError",
        "error": "the scripted model stopped in error",
        "empty": "the answer was empty",
    }
    async with playing([Reply(text="half of it" * 9, fault=fault)], attempts=1) as played:
        with pytest.raises(RetryableError) as caught:
            await played.model.answer(call())

    assert str(caught.value).startswith(f"{host(played.server.base_url)}: {lines[fault]}")
    assert str(caught.value).endswith("; gave up after 1 attempt, try again later")


async def test_what_streamed_before_a_break_has_an_id_of_its_own() -> None:
    """A reader has to tell the pieces of the answer that broke off from those of the one that counts."""
    ids: list[str] = []
    async with playing([Reply(text="half of it" * 9, fault="cut"), FINE]) as played:
        answer = await played.model.answer(call(), lambda item_id, piece: ids.append(item_id))

    assert ids[0] != answer.item_id == ids[-1]


async def test_the_bill_of_a_failed_attempt_is_part_of_the_usage() -> None:
    """Tokens that an endpoint billed are spent, whatever became of the answer."""
    router_error = Reply(text="x", finish_reason="error", usage=Usage(10, 5))
    async with playing([router_error, FINE]) as played:
        usage = (await played.model.answer(call())).usage

    assert (usage.requests, usage.input_tokens, usage.output_tokens) == (2, 20, 10)


@pytest.mark.parametrize("api", APIS)
async def test_messages_that_are_too_long_have_an_error_of_their_own(api: Api) -> None:
    """The loop answers it with shorter messages; every other 400 ends the run."""
    async with playing([refused(400, "Your input is huge", code="context_length_exceeded")], api) as played:
        with pytest.raises(ContextOverflowError, match="the messages are too long for this model"):
            await played.model.answer(call())


async def test_an_endpoint_that_does_not_answer_is_given_up() -> None:
    """A request without a limit hangs a run until somebody looks."""
    async with playing([Reply(text="late", delay_s=60)], attempts=1, request_timeout_s=0.1) as played:
        with pytest.raises(RetryableError, match=r"no whole answer within 0\.1 s"):
            await played.model.answer(call())


async def test_a_stream_that_trickles_is_given_up_too() -> None:
    """The limit is for the whole answer: one that comes piece by piece never lets a read time out."""
    slow = Reply(text="piece after piece " * 100, delay_s=0.02)
    async with playing([slow], attempts=1, request_timeout_s=0.2) as played:
        with pytest.raises(RetryableError, match=r"no whole answer within 0\.2 s"):
            await played.model.answer(call())


async def test_nobody_at_the_endpoint_is_said_in_one_line() -> None:
    """The commonest mistake with a local model is that it is not running."""
    async with playing([], base_url="http://127.0.0.1:9/v1", attempts=2) as played:
        with pytest.raises(RetryableError, match=r"^127\.0\.0\.1:9: the connection failed: .*; gave up after 2"):
            await played.model.answer(call())


async def test_a_cancelled_question_leaves_nothing_open() -> None:
    """A run that is cancelled closes its streams; the warnings of open sockets would fail this test."""
    streaming = asyncio.Event()
    async with playing([Reply(text="x" * 100_000, delay_s=0.01)]) as played:
        task = asyncio.create_task(played.model.answer(call(), lambda item_id, piece: streaming.set()))
        await streaming.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("status", [400, 401, 429])
async def test_no_key_is_in_an_error(status: int) -> None:
    """Some endpoints quote the key they refuse; errors end up in logs, reports and tickets."""
    echo = f"Incorrect API key provided: {KEY}. Headers: sesame-1234, Bearer abcdefghijkl, sk-proj-****wxyz"
    headers = {"X-Gateway": "sesame-1234"}
    async with playing([refused(status, echo)], attempts=1, default_headers=headers) as played:
        with pytest.raises((PermanentError, RetryableError)) as caught:
            await played.model.answer(call())

    for secret in (KEY, "sesame-1234", "abcdefghijkl", "wxyz"):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_page_of_a_proxy_is_cut_to_a_line() -> None:
    """A gateway answers with a whole page of HTML; a terminal has one line for it."""
    page = "<html>\n<body>" + "bad gateway\n" * 1000
    async with playing([Reply(error=HttpError(502, page))], attempts=1) as played:
        with pytest.raises(RetryableError) as caught:
            await played.model.answer(call())

    assert len(str(caught.value)) < 420
    assert "\n" not in str(caught.value)


def host(base_url: str) -> str:
    return base_url.removeprefix("http://").removesuffix("/v1")
