"""An inquiry: one run of the engine over a window, from a question to a checked report.

The door for the rooms above; scripts use `engine.main`. An inquiry never fails for what a model does: whatever ends it
early leaves a report that says what was found until then, and why it is incomplete.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from analysis.reporting import Built
from engine.engine_config import EngineConfig
from engine.models.engine_output import EngineStreamEvent
from engine.models.messages import AgentMessage
from engine.window import TraceWindow

DEFAULT_QUESTION = (
    "Analyse the traces of this window. Say what the agent does, what fails or is wasted systematically, and why, in "
    "the order of what it costs. For each finding give the evidence, the owner and the smallest change that fixes it."
)
Said = Callable[[EngineStreamEvent], None]
"""Told of every event of a run as it happens."""


@dataclass(frozen=True)
class StepStarted:
    """A moment that is no message: an agent's turn begins, a tool is called, a conversation was shortened.

    `turn` counts from 1; `tokens` and `usd` are what the whole run has spent so far, `usd` None when unknown.
    """

    kind: Literal["turn", "tool", "tool_done", "compacted", "retry", "agent_done"]
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


@dataclass(frozen=True)
class Examined:
    """What an inquiry leaves: the report with its evidence, its answer in Markdown, and how it ended.

    `reason` says why it is incomplete; empty when it is complete.
    """

    status: Literal["completed", "incomplete"]
    reason: str
    answer_md: str
    built: Built


async def examine(
    messages: Sequence[AgentMessage],
    config: EngineConfig,
    window: TraceWindow,
    watcher: Watcher,
    *,
    resume: bool = False,
    telemetry: bool = False,
) -> Examined:
    """Ask a model about a window and check what it answers.

    `messages` end with the question; earlier ones are a conversation that it follows. With `resume` the run goes on
    from `config.checkpoint_path`; with `telemetry` its own work is traced (`engine.tracing`).
    PermanentError, RetryableError: the model could not be reached at all, so nothing was found beyond what the analysis
    knows.
    """
    raise NotImplementedError
