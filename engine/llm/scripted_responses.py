"""Replies of a scripted model as the Responses API gives them, whole and in events; and its requests as chat ones.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from collections.abc import Iterator

from engine.llm.scripted_chat import pieces, usage_of
from engine.llm.scripted_reply import Json, Reply, ToolCall, call_id

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def as_chat(request: Json) -> Json:
    """A request of either API in the shape of a chat completion request, so that one script can play both.

    Only `messages` is translated; the other keys stay as they are.
    """
    if "messages" in request:
        return request
    given = request.get("input") or []
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    opening = [{"role": "system", "content": request["instructions"]}] if request.get("instructions") else []
    messages = opening + [message for item in items if (message := _message(item)) is not None]
    return {key: value for key, value in request.items() if key != "input"} | {"messages": messages}


def _message(item: Json) -> Json | None:
    kind = item.get("type", "message")
    if kind == "function_call":
        function = {"name": item["name"], "arguments": item["arguments"]}
        call = {"id": item["call_id"], "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if kind == "function_call_output":
        return {"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]}
    if kind != "message":
        return None
    content = item.get("content")
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())
    return {"role": item["role"], "content": text}


def response_body(reply: Reply, request: Json, number: int) -> Json:
    """The answer to the `number`-th request, not streamed."""
    output = [] if reply.fault == "empty" else _output(reply, number)
    if reply.fault == "unfinished":
        return _envelope(request, number, "in_progress", output)
    status = "incomplete" if reply.finish in _INCOMPLETE else "completed"
    body = _envelope(request, number, status, output) | {"usage": _usage(reply, request)}
    if status == "incomplete":
        body["incomplete_details"] = {"reason": _INCOMPLETE[reply.finish]}
    return body


def response_events(reply: Reply, request: Json, number: int) -> Iterator[Json]:
    """The same answer in pieces, as numbered events; each names itself in `type`."""
    for sequence, event in enumerate(_events(reply, request, number)):
        yield event | {"sequence_number": sequence}


def _events(reply: Reply, request: Json, number: int) -> Iterator[Json]:
    started = _envelope(request, number, "in_progress", [])
    yield {"type": "response.created", "response": started}
    yield {"type": "response.in_progress", "response": started}
    for index, item in enumerate(_output(reply, number)):
        where: Json = {"output_index": index, "item_id": item["id"]}
        events = _call_events(item, where) if item["type"] == "function_call" else _text_events(item, where)
        begun: Json = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
        yield {"type": "response.output_item.added", "output_index": index, "item": item | begun}
        yield from events
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    whole = response_body(reply, request, number)
    yield {"type": f"response.{whole['status']}", "response": whole}


def _text_events(item: Json, where: Json) -> Iterator[Json]:
    (part,) = item["content"]
    field, name = ("refusal", "refusal") if part["type"] == "refusal" else ("text", "output_text")
    place = where | {"content_index": 0}
    yield {"type": "response.content_part.added", **place, "part": part | {field: ""}}
    for piece in pieces(part[field]):
        yield {"type": f"response.{name}.delta", **place, "delta": piece, "logprobs": []}
    yield {"type": f"response.{name}.done", **place, field: part[field], "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}


def _call_events(item: Json, where: Json) -> Iterator[Json]:
    kind = "response.function_call_arguments"
    for piece in pieces(item["arguments"]):
        yield {"type": f"{kind}.delta", **where, "delta": piece}
    yield {"type": f"{kind}.done", **where, "name": item["name"], "arguments": item["arguments"]}


def _output(reply: Reply, number: int) -> list[Json]:
    parts: list[Json] = []
    if reply.text:
        parts.append({"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []})
    if reply.refusal:
        parts.append({"type": "refusal", "refusal": reply.refusal})
    said = [
        {
            "type": "message",
            "id": f"msg_{number}_{index}",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        for index, part in enumerate(parts)
    ]
    return said + [_call_item(call, number, index) for index, call in enumerate(reply.tool_calls)]


def _call_item(call: ToolCall, number: int, index: int) -> Json:
    return {
        "type": "function_call",
        "id": f"fc_{number}_{index}",
        "call_id": call_id(call, number, index),
        "name": call.name,
        "arguments": call.arguments,
        "status": "completed",
    }


def _envelope(request: Json, number: int, status: str, output: list[Json]) -> Json:
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 0,
        "status": status,
        "model": request.get("model", "scripted"),
        "output": output,
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "metadata": {},
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools", []),
        "usage": None,
    }


def _usage(reply: Reply, request: Json) -> Json:
    usage = usage_of(reply, [request.get("instructions"), request["input"], request.get("tools", [])])
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
