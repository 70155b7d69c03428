"""What a tool promises, and what it may use while it works.

A tool is a component of the kind `engine.tools`: a file with `Config` and `create`, named as the model calls it. It
answers with plain values; that its answer is JSON of bounded size, fenced as data and free of surprises is seen to in
one place for all of them (`engine.calling`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from domain.component import ComponentConfig
from engine.llm.model import Purpose
from engine.models.messages import AgentMessage
from engine.window import TraceWindow

KIND = "engine.tools"
"""Where tools live."""
Answer = TypeVar("Answer")


class ToolConfig(ComponentConfig):
    """The settings every tool has."""

    max_answer_bytes: int = Field(default=150_000, ge=1_000, description="Most bytes of one answer, as JSON.")
    timeout_s: float = Field(default=60.0, gt=0, description="Longest a call may take.")


Settings = TypeVar("Settings", bound=ToolConfig)


class Arguments(BaseModel):
    """Base of a tool's arguments: what is not declared is refused, and the model is told so."""

    model_config = ConfigDict(extra="forbid")


class ToolError(Exception):
    """A call cannot be answered as it was made; its text tells the model what to do instead. The run goes on."""


@dataclass(frozen=True)
class Delegated:
    """What a subagent brought back."""

    child_agent_id: str
    answer: str
    output_start_sequence: int
    output_end_sequence: int
    turns_used: int
    tool_calls_made: int


@dataclass
class ShownIds:
    """The trace and span ids that tools have shown in a run; what was never shown may not be claimed."""

    traces: set[str] = field(default_factory=set)
    spans: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True)
class Work:
    """What a tool may use while it works for one agent.

    `ask(purpose, question, context)` puts a question to a model within the run's budget. `delegate(input, call id)`
    sets a subagent to work; None where no level is left below. `item` gives back what compaction took out of the
    conversation. `kept` closes with the agent, so what a tool enters there lives as long as its agent does.
    `call(tool, arguments)` calls another tool of the same agent and gives its answer as plain values.
    """

    window: TraceWindow
    agent_id: str
    depth: int
    tool_call_id: str
    shown: ShownIds
    ask: Callable[[Purpose, str, str], Awaitable[str]]
    delegate: Callable[[str, str], Awaitable[Delegated]] | None
    item: Callable[[str], AgentMessage | None]
    kept: AsyncExitStack
    belongings: dict[str, Any]
    call: Callable[[str, Mapping[str, Any]], Awaitable[Any]]
    repository: Path | None = None

    async def in_thread(self, work: Callable[[], Answer]) -> Answer:
        """Run what takes time off the event loop."""
        return await asyncio.to_thread(work)


class ConfiguredTool(Generic[Settings]):
    """What tools share: their settings, and that every agent is told of them unless they say otherwise."""

    def __init__(self, config: Settings) -> None:
        self.config = config

    def offered(self, work: Work) -> bool:
        """As `Tool.offered`: to every agent."""
        return True


class Tool(Protocol):
    """One tool. `name` is its file's name, `description` what the model reads, `arguments` the model of its input."""

    name: str
    description: str
    arguments: type[Arguments]
    config: ToolConfig

    def offered(self, work: Work) -> bool:
        """Whether an agent is told of it: a root alone may end a run, a leaf may not delegate."""

    async def answer(self, given: Any, work: Work) -> Any:
        """JSON-ready values for `given`, an instance of `arguments`; ToolError when there is no answer.

        What it shows of traces and spans it adds to `work.shown`.
        """
