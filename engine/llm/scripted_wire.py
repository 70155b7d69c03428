"""A scripted reply as the bytes that go over the wire, with the faults that it asks for.

A broken stream promises its whole length and delivers a part, so that a client sees the connection break and not an
end in good order.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.llm.scripted_chat import completion_body, completion_chunks
from engine.llm.scripted_reply import Json, Reply
from engine.llm.scripted_responses import response_body, response_events

PATHS = ("/v1/chat/completions", "/v1/responses")
"""What can be posted to."""
_BROKEN_MESSAGE = "the scripted model stopped in error"
_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Transmission:
    """What is sent after status 200: pieces of a body, one after the other; `length` is what the header promises."""

    kind: str
    pieces: tuple[bytes, ...]
    length: int


def error_body(message: str, kind: str) -> Json:
    """An error in the shape clients unpack."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def missing_field(path: str, body: Json) -> str | None:
    """What a request for `path` has to have and has not, or None."""
    if path == "/v1/chat/completions":
        return None if isinstance(body.get("messages"), list) else "messages: required, a list"
    return None if isinstance(body.get("input"), list | str) else "input: required, a list or a text"


def transmission(path: str, reply: Reply, request: Json, number: int) -> Transmission:
    """The bytes that answer the `number`-th request, posted to `path`, with `reply`."""
    if not request.get("stream"):
        return _whole(path, reply, request, number)
    frames = list(_frames(path, reply, request, number))
    sent = _faulty(path, reply, frames)
    length = sum(map(len, frames)) if reply.fault == "cut" else sum(map(len, sent))
    return Transmission("text/event-stream", tuple(sent), length)


def _whole(path: str, reply: Reply, request: Json, number: int) -> Transmission:
    make = completion_body if path == PATHS[0] else response_body
    body: Json = error_body(_BROKEN_MESSAGE, "server_error") if reply.fault == "error" else make(reply, request, number)
    data = json.dumps(body).encode()
    half = data[: len(data) // 2]
    sent = half if reply.fault in ("cut", "malformed") else data
    return Transmission("application/json", (sent,), len(sent) if reply.fault == "malformed" else len(data))


def _frames(path: str, reply: Reply, request: Json, number: int) -> Iterator[bytes]:
    if path == PATHS[0]:
        yield from (_frame(chunk) for chunk in completion_chunks(reply, request, number))
        yield _DONE
    else:
        yield from (_frame(event, event["type"]) for event in response_events(reply, request, number))


def _faulty(path: str, reply: Reply, frames: list[bytes]) -> list[bytes]:
    before = frames[: reply.fault_after]
    match reply.fault:
        case "empty":
            return [frame for frame in frames if frame == _DONE]
        case "cut":
            return before
        case "unfinished":
            return [*before, *(frame for frame in frames[-1:] if frame == _DONE)]
        case "malformed":
            return [*before, b'data: {"id": "\n\n']
        case "error":
            return [*before, _error_frame(path)]
    return frames


def _error_frame(path: str) -> bytes:
    if path == PATHS[0]:
        return _frame(error_body(_BROKEN_MESSAGE, "server_error"))
    event = {"type": "error", "code": "server_error", "message": _BROKEN_MESSAGE, "param": None, "sequence_number": 0}
    return _frame(event, "error")


def _frame(data: Any, event: str = "") -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()
