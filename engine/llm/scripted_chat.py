"""Replies of a scripted model as chat completion bodies: whole, and in chunks.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
from collections.abc import Iterator

from engine.llm.scripted_reply import Json, Reply, Usage, call_id, estimate_tokens

_STREAM_PIECE_CHARS = 24


def models_body(names: tuple[str, ...]) -> Json:
    """The list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "scripted"} for name in names]
    return {"object": "list", "data": models}


def completion_body(reply: Reply, request: Json, number: int) -> Json:
    """The answer to the `number`-th request, not streamed."""
    message: Json = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    if reply.tool_calls:
        message["tool_calls"] = _tool_calls(reply, number)
    finish = None if reply.fault == "unfinished" else reply.finish
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    choices = [] if reply.fault == "empty" else [choice]
    return _envelope(request, number, "chat.completion", choices) | {"usage": _usage(reply, request)}


def completion_chunks(reply: Reply, request: Json, number: int) -> Iterator[Json]:
    """The same answer in pieces: role, text, tool calls, finish reason, and usage when it was asked for."""

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return _envelope(request, number, "chat.completion.chunk", [choice])

    yield chunk({"role": "assistant", "content": "" if reply.text is not None else None})
    for piece in pieces(reply.text or ""):
        yield chunk({"content": piece})
    for piece in pieces(reply.refusal or ""):
        yield chunk({"refusal": piece})
    for index, call in enumerate(_tool_calls(reply, number)):
        opening = call["function"] | {"arguments": ""}
        yield chunk({"tool_calls": [{"index": index, **call, "function": opening}]})
        for piece in pieces(call["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, reply.finish)
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _envelope(request, number, "chat.completion.chunk", []) | {"usage": _usage(reply, request)}


def _envelope(request: Json, number: int, kind: str, choices: list[Json]) -> Json:
    model = request.get("model", "scripted")
    return {"id": f"chatcmpl-{number}", "object": kind, "created": 0, "model": model, "choices": choices}


def _tool_calls(reply: Reply, number: int) -> list[Json]:
    return [
        {
            "id": call_id(call, number, index),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _usage(reply: Reply, request: Json) -> Json:
    usage = usage_of(reply, [request["messages"], request.get("tools", [])])
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def usage_of(reply: Reply, asked: list[object]) -> Usage:
    """The usage a reply states, or an estimate from what was asked and answered."""
    answered = (reply.text or reply.refusal or "") + "".join(call.name + call.arguments for call in reply.tool_calls)
    estimate = Usage(prompt=estimate_tokens(json.dumps(asked)), completion=estimate_tokens(answered))
    return reply.usage or estimate


def pieces(text: str) -> Iterator[str]:
    """A text cut into the pieces in which it is streamed."""
    return (text[at : at + _STREAM_PIECE_CHARS] for at in range(0, len(text), _STREAM_PIECE_CHARS))
