"""What all agents of one run share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.agents.lineage import Lineage
from engine.agents.metering import MeteredModel
from engine.agents.prompts import Briefing
from engine.agents.stages import Stage
from engine.agents.telling import Teller
from engine.budgets import Budget
from engine.calling import Caller
from engine.context.compaction import Compactor
from engine.engine_config import EngineConfig
from engine.fencing import Fence
from engine.llm.model import ModelCall
from engine.tooling import ShownIds
from engine.window import TraceWindow


@dataclass
class Team:
    """The root, its subagents, and all that they work with; `agents` and `turns` count over all of them.

    `slots` hold how many subagents may work at once on each depth; were they one for all depths, parents would wait for
    places that only their children could free. `new_token` gives what makes an agent's id unlike any other.
    """

    config: EngineConfig
    window: TraceWindow
    model: MeteredModel
    caller: Caller
    fence: Fence
    budget: Budget
    teller: Teller
    briefing: Briefing
    new_compactor: Callable[[Lineage], Compactor]
    new_token: Callable[[], str]
    root_id: str
    shown: ShownIds = field(default_factory=ShownIds)
    agents: int = 0
    turns: int = 0

    def __post_init__(self) -> None:
        most = self.config.maximum_parallel_subagents
        self.slots = {depth: asyncio.Semaphore(most) for depth in range(1, self.config.maximum_depth + 1)}
        self.questions = asyncio.Semaphore(most)
        self._stage: Stage | None = None

    def enter(self, stage: Stage) -> Stage:
        """The stage that the run is in from now on."""
        self._stage = stage
        return stage

    def charged(self, call: ModelCall) -> None:
        """After a call was paid for: whoever spends the rest ends the stage, but for a turn of the root.

        The root sees to that itself: its turn may hold the answer.
        """
        if self._stage is not None and (call.purpose != "agent" or call.caller != self.root_id):
            self._stage.check()

    @property
    def repository(self) -> Path | None:
        """The checkout that agents may read."""
        return self.config.repo_path
