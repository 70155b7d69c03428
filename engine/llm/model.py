"""What the engine asks of a language model, as plain values: one call, one answer, and the promise between them.

Everything above speaks in these values; which API an endpoint offers, how it streams and when it is asked again is
known only to the modules beside this one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from domain.errors import PermanentError
from engine.model_config import ModelConfig
from engine.models.messages import AgentMessage, AgentToolCall

Purpose = Literal["agent", "synthesis", "compaction", "ask"]
"""What a call is for: an agent's turn, a summary of traces, a summary of old turns, a question asked from code."""
Finish = Literal["stop", "length", "tool_calls", "content_filter"]
OnText = Callable[[str, str], None]
"""Told of text while it streams: the id of the answer, and the next piece."""


class ContextOverflowError(PermanentError):
    """The endpoint says that the messages do not fit into the model's context; shorter ones may."""


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model is told of it; `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class ModelUsage:
    """Tokens of one or more calls, and how many requests they took; cached tokens are part of the input."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "ModelUsage") -> "ModelUsage":
        return ModelUsage(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    @property
    def tokens(self) -> int:
        """Input and output together: what a budget of tokens counts."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class ModelCall:
    """One question to a model. `forced_tool` names a tool that it has to call; `caller` is the agent it is made for."""

    config: ModelConfig
    messages: Sequence[AgentMessage]
    tools: Sequence[ToolSpec] = ()
    forced_tool: str = ""
    purpose: Purpose = "agent"
    caller: str = ""


@dataclass(frozen=True)
class ModelAnswer:
    """What a model said: text, tool calls as it wrote them, or a refusal.

    `item_id` is the id under which its text was streamed; `model` is what the endpoint says answered.
    """

    item_id: str
    text: str
    tool_calls: tuple[AgentToolCall, ...] = ()
    refusal: str = ""
    finish: Finish = "stop"
    usage: ModelUsage = ModelUsage()
    model: str = ""


class Model(Protocol):
    """A language model behind an endpoint; safe to ask many things at once."""

    async def answer(self, call: ModelCall, on_text: OnText | None = None) -> ModelAnswer:
        """The model's answer; its usage counts every attempt that was made.

        ContextOverflowError: the messages are too long. PermanentError: asking again cannot help (a wrong key, an
        unknown model, a malformed request). RetryableError: every attempt failed for a passing reason.
        """
