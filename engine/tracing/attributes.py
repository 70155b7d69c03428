"""What a span of the engine's own work says, in OpenInference's names and in those of the GenAI conventions.

Both at once, so that any backend that knows agents understands it, HALO included.
Sources: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md and
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

import json
from collections.abc import Sequence

from domain.otlp import PlainValue
from engine.llm.model import ModelAnswer, ModelCall
from engine.models.messages import AgentMessage, AgentToolCall

Attributes = dict[str, PlainValue]
MAX_TEXT_CHARS = 32_000
_OPERATION = "gen_ai.operation.name"
_KIND = "openinference.span.kind"


def agent_attributes(name: str, agent_id: str, run_id: str, asked: str) -> Attributes:
    """An agent at work, the root or a subagent."""
    return {
        _KIND: "AGENT",
        _OPERATION: "invoke_agent",
        "agent.name": name,
        "gen_ai.agent.name": name,
        "gen_ai.agent.id": agent_id,
        "session.id": run_id,
        "gen_ai.conversation.id": run_id,
        "input.value": cut(asked),
    }


def tool_attributes(name: str, call_id: str, arguments: str) -> Attributes:
    """A tool at work."""
    return {
        _KIND: "TOOL",
        _OPERATION: "execute_tool",
        "tool.name": name,
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": call_id,
        "input.value": cut(arguments),
    }


def call_attributes(call: ModelCall) -> Attributes:
    """A model being asked."""
    said: Attributes = {
        _KIND: "LLM",
        _OPERATION: "chat",
        "llm.model_name": call.config.name,
        "gen_ai.request.model": call.config.name,
        "halo.purpose": call.purpose,
        "gen_ai.input.messages": cut(_json([_message(message) for message in call.messages])),
    }
    if call.config.temperature is not None:
        said["gen_ai.request.temperature"] = call.config.temperature
    if call.config.maximum_output_tokens is not None:
        said["gen_ai.request.max_tokens"] = call.config.maximum_output_tokens
    for number, message in enumerate(call.messages):
        said |= _flat(f"llm.input_messages.{number}", message.role, _text(message), message.tool_calls or ())
    for number, tool in enumerate(call.tools):
        schema = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        said[f"llm.tools.{number}.tool.json_schema"] = cut(_json(schema))
    return said


def answer_attributes(answer: ModelAnswer, usd: float | None) -> Attributes:
    """What it answered, and what that cost; no cost where the price is unknown."""
    usage = answer.usage
    calls = [{"type": "tool_call", "id": call.id, "name": call.function.name} for call in answer.tool_calls]
    parts = [{"type": "text", "content": answer.text or answer.refusal}, *calls]
    said: Attributes = {
        "gen_ai.response.finish_reasons": [answer.finish],
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "llm.token_count.prompt": usage.input_tokens,
        "llm.token_count.completion": usage.output_tokens,
        "llm.token_count.total": usage.tokens,
        "llm.token_count.prompt_details.cache_read": usage.cached_tokens,
        "llm.token_count.completion_details.reasoning": usage.reasoning_tokens,
        "halo.requests": usage.requests,
        "output.value": cut(answer.text or answer.refusal),
        "gen_ai.output.messages": cut(_json([{"role": "assistant", "parts": parts, "finish_reason": answer.finish}])),
    }
    if answer.model:
        said["gen_ai.response.model"] = answer.model
    if usd is not None:
        said["llm.cost.total"] = usd
    return said | _flat("llm.output_messages.0", "assistant", answer.text or answer.refusal, answer.tool_calls)


def cut(text: str) -> str:
    """A text of bounded length that says how long it was."""
    return text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]} [{len(text):,} characters]"


def _flat(prefix: str, role: str, text: str, calls: Sequence[AgentToolCall]) -> Attributes:
    said: Attributes = {f"{prefix}.message.role": role, f"{prefix}.message.content": cut(text)}
    for number, call in enumerate(calls):
        place = f"{prefix}.message.tool_calls.{number}.tool_call"
        said[f"{place}.id"] = call.id
        said[f"{place}.function.name"] = call.function.name
        said[f"{place}.function.arguments"] = cut(call.function.arguments)
    return said


def _message(message: AgentMessage) -> dict[str, object]:
    if message.role == "tool":
        answered = {"type": "tool_call_response", "id": message.tool_call_id, "response": _text(message)}
        return {"role": "tool", "parts": [answered]}
    calls = [
        {"type": "tool_call", "id": call.id, "name": call.function.name, "arguments": call.function.arguments}
        for call in message.tool_calls or ()
    ]
    return {"role": message.role, "parts": [{"type": "text", "content": _text(message)}, *calls]}


def _text(message: AgentMessage) -> str:
    return message.content if isinstance(message.content, str) else _json(message.content or "")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
