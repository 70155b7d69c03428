"""The agents of a run as lines for a terminal: who works at what, which turn it is, and what it has cost.

Plain values in, lines out; who paints them, and when, is decided elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rendering.escaping import one_line
from rendering.terminal import BOLD, DIM, style

if TYPE_CHECKING:
    from engine.inquiry import StepStarted

_MOST_LINES = 12
_SAID_CHARS = 400


@dataclass
class AgentLine:
    """What is known of one agent."""

    agent_id: str
    parent_id: str | None
    name: str
    turn: int = 0
    turns: int = 0
    doing: str = "thinking"
    done: bool = False


@dataclass
class AgentTree:
    """All agents in the order in which they appeared, and the sums of the run."""

    agents: dict[str, AgentLine] = field(default_factory=dict)
    calls: int = 0
    tokens: int = 0
    usd: float | None = 0.0
    said: str = ""

    def apply(self, step: "StepStarted") -> None:
        """Take in a moment of the run."""
        line = self.agents.get(step.agent_id)
        if line is None:
            line = AgentLine(step.agent_id, step.parent_agent_id, self._called(step))
            self.agents[step.agent_id] = line
        self.tokens, self.usd = step.tokens, step.usd
        if step.kind == "turn":
            self.calls += 1
            line.turn, line.turns, line.doing, self.said = step.turn, step.turns, "thinking", ""
        elif step.kind == "agent_done":
            line.done, line.doing = True, step.text
        elif step.kind == "tool_done":
            line.doing = "thinking"
        else:
            line.doing = f"shortening {step.text}" if step.kind == "compacted" else step.text

    def hear(self, text: str) -> None:
        """Take in a piece of what is being said."""
        self.said = (self.said + text)[-_SAID_CHARS:]

    def lines(self, width: int, seconds: float, *, colour: bool) -> list[str]:
        """The tree, at most `width` columns wide and a dozen lines high; agents that are done make room first."""
        shown = list(self._ordered(None, ""))
        left_out = len(shown) - (_MOST_LINES - 2)
        if left_out > 0:
            finished = [line.agent_id for _, line in shown if line.done][:left_out]
            shown = [(indent, line) for indent, line in shown if line.agent_id not in finished][: _MOST_LINES - 2]
        body = [_line(indent, line, width, colour) for indent, line in shown]
        if left_out > 0:
            body.append(style(f"  and {len(self.agents) - len(shown)} more agents"[:width], DIM, colour))
        said = one_line(self.said)[-(width - 2) :]
        tail = [style(f"  {said}", DIM, colour)] if said else []
        return [style(self.sums(seconds)[:width], BOLD, colour), *body, *tail]

    def sums(self, seconds: float) -> str:
        """`0:42  13 model calls  3 agents  120,301 tokens  $0.0312`."""
        minutes, rest = divmod(int(seconds), 60)
        agents = f"{len(self.agents)} agent{'s' if len(self.agents) != 1 else ''}"
        money = "" if self.usd is None or not self.tokens else f"  ${self.usd:,.4f}"
        calls = f"{self.calls} model call{'s' if self.calls != 1 else ''}"
        return f"{minutes}:{rest:02d}  {calls}  {agents}  {self.tokens:,} tokens{money}"

    def _called(self, step: "StepStarted") -> str:
        if step.parent_agent_id is None:
            return one_line(step.agent_name)
        return f"{one_line(step.agent_name)} {sum(line.parent_id is not None for line in self.agents.values()) + 1}"

    def _ordered(self, parent: str | None, indent: str) -> Iterator[tuple[str, AgentLine]]:
        """Depth first; an agent whose parent is not known stands at the top."""
        known = self.agents
        mine = [
            line
            for line in known.values()
            if line.parent_id == parent or (parent is None and line.parent_id not in known)
        ]
        for number, line in enumerate(mine, 1):
            branch = "" if parent is None else "└─ " if number == len(mine) else "├─ "
            yield indent + branch, line
            below = "" if parent is None else "   " if number == len(mine) else "│  "
            yield from self._ordered(line.agent_id, indent + below)


def _line(indent: str, line: AgentLine, width: int, colour: bool) -> str:
    turns = f"turn {line.turn}/{line.turns}"
    text = f"{indent}{'✓' if line.done else '●'} {line.name:<8} {turns:<11} {one_line(line.doing)}"
    cut = text if len(text) <= width else text[: width - 1] + "…"
    return style(cut.rstrip(), DIM, colour and line.done)
