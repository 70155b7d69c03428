"""Conversations of an agent with its tools, and a compactor with a model that sums up."""

from collections.abc import Sequence
from typing import Any

from engine.context.compaction import Compactor
from engine.fencing import Fence
from engine.llm.model import Model, ModelAnswer, ModelCall
from engine.models.messages import AgentMessage, AgentToolCall, AgentToolFunction
from tests.engine.fakes import FakeModel
from tests.engine.runs import config

FENCE = Fence("feedfacefeedface")
SYSTEM = AgentMessage(role="system", content="you analyse traces")
QUESTION = AgentMessage(role="user", content="what is wrong?")


def turn(number: int, *, answers: int = 1, chars: int = 400) -> list[AgentMessage]:
    """A message with tool calls and their fenced results; each result holds `fact <turn>.<call>`."""
    ids = [f"call-{number}-{call}" for call in range(answers)]
    function = AgentToolFunction(name="view_trace", arguments=f'{{"trace_id": "t{number}"}}')
    results = [
        AgentMessage(
            role="tool",
            tool_call_id=call_id,
            name="view_trace",
            content=FENCE.around(f"fact {number}.{call} " + "x" * chars),
        )
        for call, call_id in enumerate(ids)
    ]
    made = [AgentToolCall(id=call_id, function=function) for call_id in ids]
    return [AgentMessage(role="assistant", tool_calls=made), *results]


def bared(messages: Sequence[AgentMessage]) -> list[AgentMessage]:
    """Messages without the fences of their results."""
    return [
        message.model_copy(update={"content": message.content and FENCE.bare(str(message.content))})
        for message in messages
    ]


def said(text: str) -> AgentMessage:
    """A text of the agent."""
    return AgentMessage(role="assistant", content=text)


def conversation(turns: int, **shape: int) -> list[AgentMessage]:
    """A question and tool turns, numbered from 1."""
    return [SYSTEM, QUESTION, *(message for number in range(1, turns + 1) for message in turn(number, **shape))]


def summing_up(call: ModelCall) -> ModelAnswer:
    """A model that sums everything up in the same words."""
    return ModelAnswer("s", "they looked at some traces")


def compactor(model: Model | None = None, **settings: Any) -> Compactor:
    """A compactor of small limits: 2,000 tokens of context, shortened at half of them."""
    limits: dict[str, Any] = {"context_window_tokens": 2_000, "compaction_share": 0.5, **settings}
    return Compactor(config(**limits), model or FakeModel(summing_up), "agent-1", FENCE)


def paired(messages: Sequence[AgentMessage]) -> bool:
    """Whether every result follows the message that called for it, and every call has its result."""
    waiting: list[str] = []
    for message in messages:
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                return False
            waiting.remove(message.tool_call_id)
        elif waiting:
            return False
        else:
            waiting = [call.id for call in message.tool_calls or ()]
    return not waiting


def texts(messages: Sequence[AgentMessage]) -> str:
    """All that a model reads."""
    return "\n".join(str(message.content) for message in messages)
