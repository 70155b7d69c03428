"""One call over the Responses API: the request, and the answer put together from a stream of events.

The conversation stays ours: the API would keep it on the endpoint (`store`), which a run that may be resumed
elsewhere, with traces that may be private, does without. The leading system message becomes `instructions`, the rest
input items, so the same messages work over both APIs. Prefixes stay the same bytes, as in `engine.llm.chat`.
Source: https://platform.openai.com/docs/api-reference/responses
"""

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

from engine.llm.answering import STOPPED_IN_ERROR, Answering, number
from engine.llm.failures import Failure
from engine.llm.model import Finish, ModelAnswer, ModelCall, ModelUsage, ToolSpec
from engine.llm.receiving import receive
from engine.llm.translating import failure_of
from engine.models.messages import AgentMessage, MessageContent

if TYPE_CHECKING:
    import openai

Json = dict[str, Any]

_CUT_SHORT: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def responses_request(call: ModelCall, conceded: Container[str] = ()) -> Json:
    """The body for a call, without the options in `conceded` (see `engine.llm.concessions`)."""
    config = call.config
    leading, rest = _split(call.messages)
    body: Json = {"model": config.name, "instructions": leading}
    if call.tools:
        body["tools"] = [_tool(tool) for tool in call.tools]
        body["parallel_tool_calls"] = config.parallel_tool_calls
        if call.forced_tool:
            body["tool_choice"] = {"type": "function", "name": call.forced_tool}
    body["input"] = [item for message in rest for item in input_items(message)]
    if config.temperature is not None:
        body["temperature"] = config.temperature
    if config.maximum_output_tokens is not None:
        body["max_output_tokens"] = config.maximum_output_tokens
    if config.reasoning_effort is not None and call.purpose != "compaction":
        body["reasoning"] = {"effort": config.reasoning_effort}
    body |= {"store": False, "stream": True}
    return {name: value for name, value in body.items() if value is not None and name not in conceded}


def _split(messages: Sequence[AgentMessage]) -> tuple[str | None, Sequence[AgentMessage]]:
    if len(messages) > 1 and messages[0].role == "system" and isinstance(messages[0].content, str):
        return messages[0].content, messages[1:]
    return None, messages


def input_items(message: AgentMessage) -> list[Json]:
    """The items that a message becomes: its text, then each of its tool calls; or the output of a tool."""
    if message.role == "tool":
        output = _text(message.content)
        return [{"type": "function_call_output", "call_id": message.tool_call_id or "", "output": output}]
    calls = [
        {
            "type": "function_call",
            "call_id": call.id,
            "name": call.function.name,
            "arguments": call.function.arguments,
        }
        for call in message.tool_calls or ()
    ]
    if not message.content:
        return calls
    content = message.content
    parts = content if isinstance(content, str) else [_part(part, message.role) for part in content]
    return [{"role": message.role, "content": parts}, *calls]


def _text(content: MessageContent) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content or ""


def _part(part: Json, role: str) -> Json:
    """A content part of chat completions as the Responses API calls it; unknown ones stay as they are."""
    if part.get("type") == "text":
        return {"type": "output_text" if role == "assistant" else "input_text", "text": part.get("text", "")}
    if part.get("type") == "image_url":
        return {"type": "input_image", "image_url": part["image_url"]["url"]}
    return part


def _tool(tool: ToolSpec) -> Json:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
        "strict": False,
    }


async def ask_responses(client: "openai.AsyncOpenAI", body: Json, answering: Answering) -> ModelAnswer | Failure:
    """Send a body of `responses_request` and read the answer; raises what the client raises."""
    from openai.types.responses import Response

    def whole(response: Json) -> None:
        _read_whole(Response.model_construct(**response), answering)

    failure = await receive(client.responses, body, whole, lambda event: _read_event(event, answering))
    return failure or answering.result()


def _read_whole(response: Any, answering: Answering) -> None:
    error = getattr(response, "error", None)
    if error is not None and not hasattr(response, "output"):  # Routers report failures with status 200.
        answering.failed(failure_of(error, str(error)))
        return
    for index, item in enumerate(response.output or ()):
        _read_item(item, index, answering, streamed=False)
    _read_end(response, answering)


def _read_event(event: Any, answering: Answering) -> None:
    match event.type:
        case "response.created":
            answering.opened("", event.response.model)
        case "response.output_text.delta":
            answering.renamed(event.item_id)
            answering.said(event.delta)
        case "response.refusal.delta":
            answering.refused(event.delta)
        case "response.output_item.done":
            _read_item(event.item, event.output_index, answering, streamed=True)
        case "error":
            answering.failed(failure_of({"code": event.code}, event.message or ""))
        case kind if kind in _ENDS:
            _read_end(event.response, answering)


def _read_item(item: Any, index: int, answering: Answering, *, streamed: bool) -> None:
    """An output item that is whole; the text of a streamed one has been read piece by piece."""
    answering.has_content = True
    if item.type == "function_call":
        answering.called(index, item.call_id or "", item.name, item.arguments or "")
    elif item.type == "message":
        for part in () if streamed else item.content:
            if part.type == "refusal":
                answering.refused(part.refusal)
            else:
                answering.renamed(item.id)
                answering.said(part.text)


def _read_end(response: Any, answering: Answering) -> None:
    answering.opened(response.id, response.model)
    if response.usage is not None:
        answering.used(responses_usage(response.usage))
    if response.error is not None:
        answering.failed(failure_of({"code": response.error.code}, response.error.message or ""))
    elif response.status == "failed":
        answering.failed(STOPPED_IN_ERROR)
    elif response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details is not None else ""
        answering.has_content = True
        answering.finished(_CUT_SHORT.get(reason or "", "length"), reason or "")
    elif response.status == "completed":
        answering.finished("stop", "")


def responses_usage(usage: Any) -> ModelUsage:
    """Token counts of one request; what an endpoint leaves out counts as 0."""
    return ModelUsage(
        input_tokens=number(usage.input_tokens),
        output_tokens=number(usage.output_tokens),
        cached_tokens=number(getattr(usage.input_tokens_details, "cached_tokens", 0)),
        reasoning_tokens=number(getattr(usage.output_tokens_details, "reasoning_tokens", 0)),
    )
