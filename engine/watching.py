"""What a run tells whoever looks on: its events, and the moments between them."""

from dataclasses import dataclass
from typing import Literal, Protocol

from engine.models.engine_output import EngineStreamEvent

StepKind = Literal["turn", "tool", "tool_done", "compacted", "retry", "agent_done"]


@dataclass(frozen=True)
class StepStarted:
    """A moment that is no message: an agent's turn begins, a tool is called, a conversation was shortened.

    `turn` counts from 1; `tokens` and `usd` are what the whole run has spent so far, `usd` None when unknown.
    """

    kind: StepKind
    agent_id: str
    parent_agent_id: str | None
    agent_name: str
    depth: int
    turn: int
    turns: int
    tokens: int
    usd: float | None
    text: str = ""


class Watcher(Protocol):
    """Whoever shows or records a run while it goes on; never raises."""

    def event(self, event: EngineStreamEvent) -> None:
        """A message, a piece of text or a checkpoint."""

    def step(self, step: StepStarted) -> None:
        """A moment between them."""
