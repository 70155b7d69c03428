"""The scripted model, through the client that production code uses."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

from engine.llm.scripted import (
    HttpError,
    ReceivedRequest,
    Reply,
    Script,
    ScriptedServer,
    ToolCall,
    Usage,
    estimate_tokens,
)

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
Serve = Callable[[Script], tuple[ScriptedServer, openai.OpenAI]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that starts a server for a script and connects the real client to it."""
    with ExitStack() as stack:

        def start(script: Script) -> tuple[ScriptedServer, openai.OpenAI]:
            server = stack.enter_context(ScriptedServer(script, models=["small", "large"]))
            http = openai.DefaultHttpxClient(trust_env=False)
            client = openai.OpenAI(base_url=server.base_url, api_key="k-1", max_retries=2, http_client=http)
            return server, stack.enter_context(client)

        yield start


def ask(client: openai.OpenAI) -> ChatCompletion:
    return client.chat.completions.create(model="small", messages=HELLO)


def stream(client: openai.OpenAI) -> list[ChatCompletionChunk]:
    chunks = client.chat.completions.create(
        model="small", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    with chunks:
        return list(chunks)


def test_a_list_of_replies_is_served_in_order(serve: Serve) -> None:
    """Most tests of an agent are a short dialogue; its order must be theirs."""
    _, client = serve([Reply(text="first"), Reply(text="second")])

    answers = [ask(client).choices[0] for _ in range(2)]

    assert [answer.message.content for answer in answers] == ["first", "second"]
    assert {answer.finish_reason for answer in answers} == {"stop"}


def test_a_function_sees_the_request_and_the_server_remembers_it(serve: Serve) -> None:
    """A script that plays a model has to know what it was asked, and a test has to see what was sent."""
    server, client = serve(lambda request: Reply(text=request["messages"][-1]["content"].upper()))

    answer = ask(client)

    assert (answer.choices[0].message.content, answer.model) == ("HELLO", "small")
    (received,) = server.requests
    assert isinstance(received, ReceivedRequest)
    assert received.headers["authorization"] == "Bearer k-1"
    assert received.body == {"model": "small", "messages": HELLO}


def test_tool_calls_arrive_with_their_arguments_unchanged(serve: Serve) -> None:
    """Malformed arguments are a fault to be observed, so the server must not repair them."""
    _, client = serve([Reply(tool_calls=[ToolCall("find", '{"id": 7}'), ToolCall("find", '{"id":', "c-9")])])

    choice = ask(client).choices[0]

    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls or []
    assert [call.model_dump() for call in calls] == [
        {"id": "call_1_0", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}},
        {"id": "c-9", "type": "function", "function": {"name": "find", "arguments": '{"id":'}},
    ]


def test_usage_is_given_or_estimated_from_the_lengths_of_the_texts(serve: Serve) -> None:
    """Token counts have to follow from what was said, or a report about them proves nothing."""
    _, client = serve([Reply(text="x" * 41), Reply(text="y", usage=Usage(100, 20, cached=64))])

    estimated, given = ask(client).usage, ask(client).usage

    assert estimated is not None
    assert given is not None
    assert given.prompt_tokens_details is not None
    assert estimated.completion_tokens == 11
    assert estimated.prompt_tokens == estimate_tokens(json.dumps([HELLO, []]))
    assert (given.prompt_tokens, given.completion_tokens, given.total_tokens) == (100, 20, 120)
    assert given.prompt_tokens_details.cached_tokens == 64


def test_a_finish_reason_can_be_scripted(serve: Serve) -> None:
    """A truncated answer is told from a finished one by this field alone."""
    _, client = serve([Reply(text="and then", finish_reason="length")])

    assert ask(client).choices[0].finish_reason == "length"


def test_a_stream_adds_up_to_the_same_answer(serve: Serve) -> None:
    """Agents read streams; text, tool calls, finish reason and usage must survive being cut into pieces."""
    text, arguments = "a sentence that is longer than one piece of the stream", json.dumps({"path": "p" * 60})
    reply = Reply(text=text, tool_calls=[ToolCall("read", arguments)], usage=Usage(5, 6))
    _, client = serve([reply])

    chunks = stream(client)

    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    calls = [call for delta in deltas for call in delta.tool_calls or []]
    functions = [call.function for call in calls if call.function is not None]
    assert "".join(delta.content or "" for delta in deltas) == text
    assert "".join(function.arguments or "" for function in functions) == arguments
    assert [(call.id, call.type) for call in calls if call.id] == [("call_1_0", "function")]
    assert [function.name for function in functions if function.name] == ["read"]
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.total_tokens == 11
    assert len(chunks) > 6


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (429, openai.RateLimitError),
        (503, openai.InternalServerError),
    ],
)
def test_an_http_error_reaches_the_client_as_its_own_exception(
    serve: Serve, status: int, expected: type[openai.APIStatusError]
) -> None:
    """How the engine treats a provider's failure depends on the class and the body the client sees."""
    body = {"error": {"message": "slow down", "type": "t", "param": None, "code": "c-1"}}
    _, client = serve([Reply(error=HttpError(status, body, {"retry-after": "30"}))])

    with pytest.raises(expected) as caught:
        ask(client.with_options(max_retries=0))

    assert caught.value.body == body["error"]
    assert caught.value.response.headers["retry-after"] == "30"


def test_an_error_body_may_be_plain_text(serve: Serve) -> None:
    """Proxies between an agent and its model answer with text."""
    _, client = serve([Reply(error=HttpError(502, "bad gateway"))])

    with pytest.raises(openai.InternalServerError) as caught:
        ask(client.with_options(max_retries=0))

    assert (caught.value.status_code, caught.value.response.text) == (502, "bad gateway")


@pytest.mark.parametrize("call", [ask, stream])
def test_a_wrong_script_is_named_and_not_retried(serve: Serve, call: Callable[[openai.OpenAI], Any]) -> None:
    """A test whose script is too short should fail at once, with the reason, not after minutes of retries."""
    server, client = serve([])

    with pytest.raises(openai.InternalServerError, match="the script failed: LookupError: all replies"):
        call(client)

    assert len(server.requests) == 1


def test_requests_are_answered_in_parallel(serve: Serve) -> None:
    """Subagents ask at the same time; a server that took one after the other would hide their races."""
    both_are_in = threading.Barrier(2, timeout=10)

    def respond(request: dict[str, Any]) -> Reply:
        both_are_in.wait()
        return Reply(text="in")

    server, client = serve(respond)
    other = threading.Thread(target=ask, args=(client,))
    other.start()

    assert ask(client).choices[0].message.content == "in"

    other.join()
    assert len(server.requests) == 2


def test_a_client_that_hangs_up_on_a_stream_leaves_no_noise(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A cancelled run closes its streams early; that is no error of the server."""
    with ScriptedServer([Reply(text="x" * 1_000_000)]) as server:
        http = openai.DefaultHttpxClient(trust_env=False)
        with openai.OpenAI(base_url=server.base_url, api_key="k", http_client=http) as client:
            chunks = client.chat.completions.create(model="small", messages=HELLO, stream=True)
            with chunks:
                next(iter(chunks))

    assert capfd.readouterr().err == ""


def test_the_models_are_listed(serve: Serve) -> None:
    """Clients ask which models there are before they offer a choice."""
    _, client = serve([])

    assert [model.id for model in client.models.list()] == ["small", "large"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/chat/completions", b"{", 400),
        ("/chat/completions", b"[]", 400),
        ("/chat/completions", b'{"model": "small"}', 400),
        ("/responses", b'{"model": "small"}', 400),
        ("/embeddings", None, 404),
    ],
)
def test_what_the_server_does_not_speak_is_refused(serve: Serve, path: str, body: bytes | None, status: int) -> None:
    """A client of another API must get an answer that says so, and must not reach the script."""
    server, _ = serve([Reply(text="never")])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(urllib.request.Request(server.base_url + path, data=body))

    with caught.value as answer:
        assert answer.code == status
        assert json.load(answer)["error"]["type"] == "invalid_request_error"
    assert server.requests == []


def test_nothing_listens_after_the_block() -> None:
    """A server that outlived its test would answer the next one's questions."""
    with ScriptedServer([Reply(text="x")]) as server:
        base_url = server.base_url

    client = openai.OpenAI(
        base_url=base_url, api_key="k", max_retries=0, http_client=openai.DefaultHttpxClient(trust_env=False)
    )
    with client, pytest.raises(openai.APIConnectionError):
        ask(client)
