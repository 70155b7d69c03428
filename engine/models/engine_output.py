"""The events a run yields, each with the lineage that says which agent it comes from.

`sequence` rises over all agents of a run; the parent fields are None for the root.
"""

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from engine.models.messages import AgentMessage


class AgentOutputItem(BaseModel):
    """A finished message of one agent: its text, its tool calls, or a tool's result."""

    model_config = ConfigDict(extra="forbid")

    sequence: int
    agent_id: str
    parent_agent_id: str | None
    parent_tool_call_id: str | None
    agent_name: str
    depth: int
    item: AgentMessage
    final: bool = False
    """True for the one message that is the root's answer."""


class AgentTextDelta(BaseModel):
    """A piece of text while it streams; the finished message follows as an AgentOutputItem."""

    model_config = ConfigDict(extra="forbid")

    sequence: int
    agent_id: str
    parent_agent_id: str | None
    parent_tool_call_id: str | None
    depth: int
    item_id: str
    text_delta: str


class RunCheckpoint(BaseModel):
    """The root's whole conversation between two turns: start a run with `messages` to go on from there."""

    model_config = ConfigDict(extra="forbid")

    sequence: int
    agent_id: str
    turns_used: int
    messages: list[AgentMessage]


EngineStreamEvent: TypeAlias = AgentOutputItem | AgentTextDelta | RunCheckpoint
"""Anything the stream of a run can yield; checkpoints only with `EngineConfig.emit_run_checkpoints`."""
