"""What the spans of a trace come to: the names in it, what is missing, and what failed."""

from dataclasses import dataclass
from typing import NamedTuple


class TraceNames(NamedTuple):
    """Names that the spans of a trace give, each once and sorted; empty ones do not count."""

    services: tuple[str, ...]
    models: tuple[str, ...]
    agents: tuple[str, ...]
    agent_ids: tuple[str, ...]


class ErrorSpans(NamedTuple):
    """Error spans of one trace that share a name and a masked error text, and how many of them are tool calls."""

    name: str
    error: str
    spans: int
    tool_calls: int


@dataclass(frozen=True, slots=True)
class TraceContents:
    """A trace's names, the spans whose parent is not in it, those that name no agent, and its errors."""

    position: int
    names: TraceNames
    missing_parents: int
    without_agent: int
    errors: tuple[ErrorSpans, ...]

    @property
    def tool_errors(self) -> int:
        """Tool calls with status ERROR."""
        return sum(each.tool_calls for each in self.errors)
