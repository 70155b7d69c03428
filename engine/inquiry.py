"""An inquiry: one run of the engine over a window, from a question to a checked report.

The door for the rooms above; scripts use `engine.main`. An inquiry never fails for what a model does: whatever ends it
early leaves a report that says what was found until then, and why it is incomplete.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analysis.reporting import Built
from engine import checkpoints
from engine.contract.merging import Told, merge
from engine.engine_config import EngineConfig
from engine.models.messages import AgentMessage
from engine.watching import StepStarted as StepStarted
from engine.watching import Watcher as Watcher
from engine.window import TraceWindow

if TYPE_CHECKING:
    from engine.llm.model import Model

DEFAULT_QUESTION = (
    "Analyse the traces of this window. Say what the agent does, what fails or is wasted systematically, and why, in "
    "the order of what it costs. For each finding give the evidence, the owner and the smallest change that fixes it."
)


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
    model: "Model | None" = None,
) -> Examined:
    """Ask a model about a window and check what it answers.

    `messages` end with the question; earlier ones are a conversation that it follows. With `resume` the run goes on
    from `config.checkpoint_path`; with `telemetry` its own work is traced. `model` takes the place of the provider's.
    PermanentError, RetryableError: the model could not be reached at all, so nothing was found beyond what the analysis
    knows.
    """
    from engine.running import CONTRACT, asked_last, run
    from engine.tracing.destination import traced_if

    with traced_if(telemetry):
        led = await run(messages, config, window, watcher, model=model, resume=resume, checked=True)
    judged, reason = led.root.belongings[CONTRACT].judged, led.ended.reason
    told = Told(asked_last(messages), list(led.team.model.models), led.team.agents, led.team.turns, reason)
    built = await asyncio.to_thread(merge, await window.analysed(), judged, told, led.team.budget)
    if not reason and config.checkpoint_path is not None:
        await asyncio.to_thread(checkpoints.remove, config.checkpoint_path)
    return Examined("incomplete" if reason else "completed", reason, str(judged), built)
