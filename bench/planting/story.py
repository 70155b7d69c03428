"""A run of an agent, told once and open to change, from which any dialect can be recorded.

Faults change stories, never spans: what is planted is planted in all dialects alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass
class Call:
    """One tool call and what came of it; `error` makes its span fail, `vanishes` leaves it without a span or answer."""

    tool: str
    arguments: dict[str, Any] | str
    result: str
    error: str = ""
    error_type: str = ""
    seconds: float = 0.2
    call_id: str = ""  # given when the story is recorded
    vanishes: bool = False


@dataclass
class Turn:
    """One answer of the model; `calls` are carried out one after the other before the next turn."""

    text: str = ""
    calls: list[Call] = field(default_factory=list)
    finish: str = ""  # "" says stop or tool_calls, as it is
    input_tokens: int | None = None  # None: a quarter of the characters it was given
    output_tokens: int | None = None
    cached_tokens: int | None = None
    max_tokens: int = 2_000
    model: str = "gpt-4o-mini"
    seconds: float = 0.8
    error: str = ""
    error_type: str = ""
    forgets: bool = False  # the history before it, but for system and first question, is not sent
    by: str = ""  # the sub-agent that this turn belongs to; "" is the agent itself


@dataclass
class Story:
    """One run: what was asked, what could be used, and what then happened."""

    turns: list[Turn]
    user: str
    system: str
    tools: Mapping[str, dict[str, Any]]  # name → JSON Schema of the arguments
    agent: str = "shop_agent"
    service: str = "shop"
    version: str = "1.0"
    session: str = ""
    task: str = ""
    started_s: float = 0.0  # since the traffic's beginning
    pause_s: float = 0.02  # between two steps
    root_error: str = ""
    root_output: str | None = None  # None: the last text; "" leaves it out
    max_steps: int | None = None
    passed: bool | None = None  # an evaluation of the run, where there is one
    cost_usd: float | None = None  # of each model call
    lost: set[str] = field(default_factory=set)  # "root": no root span arrives

    def copy(self) -> "Story":
        """A story that can be changed without changing this one."""
        turns = [replace(turn, calls=[replace(call) for call in turn.calls]) for turn in self.turns]
        return replace(self, turns=turns, lost=set(self.lost))

    @property
    def calls(self) -> list[Call]:
        """All calls in order."""
        return [call for turn in self.turns for call in turn.calls]


def nothing_but(tool: str, *required: str, **properties: str) -> dict[str, Any]:
    """A tool's schema: string properties, or of the type given, and nothing else allowed."""
    kinds = {name: {"type": properties.get(name, "string")} for name in (*required, *properties)}
    return {
        "type": "object",
        "title": tool,
        "properties": kinds,
        "required": list(required),
        "additionalProperties": False,
    }
