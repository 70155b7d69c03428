"""Replies of a scripted model as chat completion bodies: whole, in chunks, and as errors.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
from collections.abc import Iterator
from typing import Any

from engine.llm.scripted_reply import Reply, Usage, estimate_tokens

_STREAM_PIECE_CHARS = 24

Json = dict[str, Any]


def error_body(message: str, kind: str) -> Json:
    """An error in the shape clients unpack."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def models_body(names: tuple[str, ...]) -> Json:
    """The list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "scripted"} for name in names]
    return {"object": "list", "data": models}


def completion_body(reply: Reply, request: Json, number: int) -> Json:
    """The answer to the `number`-th request, not streamed."""
    message: Json = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = _tool_calls(reply, number)
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(reply), "logprobs": None}
    return _envelope(request, number, "chat.completion", [choice]) | {"usage": _usage(reply, request)}


def completion_chunks(reply: Reply, request: Json, number: int) -> Iterator[Json]:
    """The same answer in pieces: role, text, tool calls, finish reason, and usage when it was asked for."""

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return _envelope(request, number, "chat.completion.chunk", [choice])

    yield chunk({"role": "assistant", "content": "" if reply.text is not None else None})
    for piece in _pieces(reply.text or ""):
        yield chunk({"content": piece})
    for index, call in enumerate(_tool_calls(reply, number)):
        opening = call["function"] | {"arguments": ""}
        yield chunk({"tool_calls": [{"index": index, **call, "function": opening}]})
        for piece in _pieces(call["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _finish_reason(reply))
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _envelope(request, number, "chat.completion.chunk", []) | {"usage": _usage(reply, request)}


def _envelope(request: Json, number: int, kind: str, choices: list[Json]) -> Json:
    model = request.get("model", "scripted")
    return {"id": f"chatcmpl-{number}", "object": kind, "created": 0, "model": model, "choices": choices}


def _finish_reason(reply: Reply) -> str:
    return reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")


def _tool_calls(reply: Reply, number: int) -> list[Json]:
    return [
        {
            "id": call.id or f"call_{number}_{index}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for index, call in enumerate(reply.tool_calls)
    ]


def _usage(reply: Reply, request: Json) -> Json:
    usage = reply.usage or _estimated_usage(reply, request)
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def _estimated_usage(reply: Reply, request: Json) -> Usage:
    asked = json.dumps([request["messages"], request.get("tools", [])])
    answered = (reply.text or "") + "".join(call.name + call.arguments for call in reply.tool_calls)
    return Usage(prompt=estimate_tokens(asked), completion=estimate_tokens(answered))


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + _STREAM_PIECE_CHARS] for at in range(0, len(text), _STREAM_PIECE_CHARS))
