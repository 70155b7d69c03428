"""One call over the chat completions API: the request, and the answer put together from a stream of chunks.

Providers cache prompts by their prefix, and bill what they find there at a fraction. So a request is built from a
call and nothing else (no clock, no counter, no set whose order changes): the tools in the order given, then messages
that are appended to and never rewritten. Two calls that share their first messages share those bytes.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

from engine.llm.answering import Answering, number
from engine.llm.failures import Failure
from engine.llm.model import Finish, ModelAnswer, ModelCall, ModelUsage, ToolSpec
from engine.llm.receiving import receive
from engine.llm.translating import failure_of
from engine.models.messages import AgentMessage

if TYPE_CHECKING:
    import openai

Json = dict[str, Any]

_FINISHES: dict[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def chat_request(call: ModelCall, conceded: Container[str] = ()) -> Json:
    """The body for a call, without the options in `conceded` (see `engine.llm.concessions`)."""
    config = call.config
    body: Json = {"model": config.name}
    if call.tools:
        body["tools"] = [_tool(tool) for tool in call.tools]
        body["parallel_tool_calls"] = config.parallel_tool_calls
        if call.forced_tool:
            body["tool_choice"] = {"type": "function", "function": {"name": call.forced_tool}}
    body["messages"] = [chat_message(message) for message in call.messages]
    if config.temperature is not None:
        body["temperature"] = config.temperature
    if config.maximum_output_tokens is not None:
        name = "max_tokens" if "max_completion_tokens" in conceded else "max_completion_tokens"
        body[name] = config.maximum_output_tokens
    if config.reasoning_effort is not None and call.purpose != "compaction":
        body["reasoning_effort"] = config.reasoning_effort
    if "stream" not in conceded:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return {name: value for name, value in body.items() if name not in conceded}


def chat_message(message: AgentMessage) -> Json:
    """A message as the API takes it; `content` is always there, since some endpoints insist on it."""
    return {"content": None, **message.model_dump(exclude_none=True)}


def _tool(tool: ToolSpec) -> Json:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


async def ask_chat(client: "openai.AsyncOpenAI", body: Json, answering: Answering) -> ModelAnswer | Failure:
    """Send a body of `chat_request` and read the answer; raises what the client raises."""
    from openai.types.chat import ChatCompletion

    def whole(completion: Json) -> None:
        _read_whole(ChatCompletion.model_construct(**completion), answering)

    failure = await receive(client.chat.completions, body, whole, lambda chunk: _read_chunk(chunk, answering))
    return failure or answering.result()


def _read_chunk(chunk: Any, answering: Answering) -> None:
    answering.opened(chunk.id, chunk.model)
    if chunk.usage is not None:
        answering.used(chat_usage(chunk.usage))
    for choice in chunk.choices[:1]:
        answering.has_content = True
        if choice.delta is not None:
            answering.said(choice.delta.content)
            answering.refused(choice.delta.refusal)
            _read_calls(choice.delta.tool_calls or (), answering)
        if choice.finish_reason:
            answering.finished(_FINISHES.get(choice.finish_reason, "stop"), choice.finish_reason)


def _read_calls(deltas: Sequence[Any], answering: Answering) -> None:
    for delta in deltas:
        function = delta.function
        if function is not None:
            answering.called(delta.index, delta.id or "", function.name or "", function.arguments or "")


def _read_whole(completion: Any, answering: Answering) -> None:
    error = getattr(completion, "error", None)  # Routers report failures with status 200.
    if error:
        answering.failed(failure_of(error, str(error)))
        return
    answering.opened(completion.id, completion.model)
    if completion.usage is not None:
        answering.used(chat_usage(completion.usage))
    for choice in (completion.choices or ())[:1]:
        answering.has_content = True
        answering.said(choice.message.content)
        answering.refused(choice.message.refusal)
        for index, call in enumerate(choice.message.tool_calls or ()):
            answering.called(index, call.id or "", call.function.name, call.function.arguments or "")
        answering.finished(_FINISHES.get(choice.finish_reason, "stop"), choice.finish_reason or "")


def chat_usage(usage: Any) -> ModelUsage:
    """Token counts of one request; what an endpoint leaves out counts as 0."""
    return ModelUsage(
        input_tokens=number(usage.prompt_tokens),
        output_tokens=number(usage.completion_tokens),
        cached_tokens=number(getattr(usage.prompt_tokens_details, "cached_tokens", 0)),
        reasoning_tokens=number(getattr(usage.completion_tokens_details, "reasoning_tokens", 0)),
    )
