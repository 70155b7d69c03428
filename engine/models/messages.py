"""Messages in the shape of the OpenAI chat API, and nothing beside it.

Whatever the engine knows about a message (who sent it, at which depth) lies around it, in
`engine.models.engine_output`, so a message list stays valid for every compatible endpoint. Content parts are
passed through as they are: endpoints differ in the parts they understand.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

MessageContent: TypeAlias = str | list[dict[str, Any]] | None
"""Text, a list of content parts (`{"type": "text", "text": …}`), or nothing beside tool calls."""


class AgentToolFunction(BaseModel):
    """The function of a tool call; `arguments` is JSON as the model wrote it, which may be malformed."""

    model_config = ConfigDict(extra="forbid")

    name: str
    arguments: str


class AgentToolCall(BaseModel):
    """One tool call of an assistant message; its answer is the tool message with the same id."""

    model_config = ConfigDict(extra="forbid")

    id: str
    type: Literal["function"] = "function"
    function: AgentToolFunction


class AgentMessage(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant", "tool"]
    content: MessageContent = None
    tool_calls: list[AgentToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None
