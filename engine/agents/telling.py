"""The events of a run, numbered over all its agents in the order in which they happen."""

from dataclasses import dataclass

from engine.agents.lineage import Lineage
from engine.budgets import Budget
from engine.models.engine_output import AgentOutputItem, AgentTextDelta, RunCheckpoint
from engine.models.messages import AgentMessage
from engine.watching import StepKind, StepStarted, Watcher


@dataclass
class Teller:
    """Tells a watcher of everything; `next_sequence` is the number of the event to come."""

    watcher: Watcher
    budget: Budget
    next_sequence: int = 0

    def delta(self, lineage: Lineage, item_id: str, text: str) -> None:
        """A piece of an agent's text."""
        self.watcher.event(
            AgentTextDelta(
                sequence=self._number(),
                agent_id=lineage.agent_id,
                parent_agent_id=lineage.parent_agent_id,
                parent_tool_call_id=lineage.parent_tool_call_id,
                depth=lineage.depth,
                item_id=item_id,
                text_delta=text,
            )
        )

    def item(self, lineage: Lineage, message: AgentMessage, *, final: bool = False) -> int:
        """A finished message of an agent; gives its sequence number."""
        sequence = self._number()
        self.watcher.event(
            AgentOutputItem(
                sequence=sequence,
                agent_id=lineage.agent_id,
                parent_agent_id=lineage.parent_agent_id,
                parent_tool_call_id=lineage.parent_tool_call_id,
                agent_name=lineage.name,
                depth=lineage.depth,
                item=message,
                final=final,
            )
        )
        return sequence

    def checkpoint(self, lineage: Lineage, turns_used: int, messages: list[AgentMessage]) -> None:
        """A conversation from which another run may go on."""
        self.watcher.event(
            RunCheckpoint(
                sequence=self._number(), agent_id=lineage.agent_id, turns_used=turns_used, messages=list(messages)
            )
        )

    def step(self, kind: StepKind, lineage: Lineage, turn: int, turns: int, text: str = "") -> None:
        """A moment that is no message; the call that concludes after the last turn is told as part of that."""
        self.watcher.step(
            StepStarted(
                kind=kind,
                agent_id=lineage.agent_id,
                parent_agent_id=lineage.parent_agent_id,
                agent_name=lineage.name,
                depth=lineage.depth,
                turn=min(turn, turns),
                turns=turns,
                tokens=self.budget.usage.tokens,
                usd=self.budget.usd,
                text=text,
            )
        )

    def _number(self) -> int:
        number = self.next_sequence
        self.next_sequence += 1
        return number
