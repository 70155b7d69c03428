"""Where a pattern matches in one span, however large it is."""

from typing import Any

from pydantic import Field

from engine.querying.expressions import Limit
from engine.querying.filters import Pattern
from engine.querying.memory import Answered, answered
from engine.querying.searching import in_trace
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, Work


class Config(ToolConfig):
    """Limits of a search."""

    search_s: float = Field(default=10.0, gt=0, description="Longest that a search may take.")


class Input(Arguments):
    """What to search for, where, and how much to show."""

    trace_id: str = Field(min_length=1, max_length=500)
    span_id: str = Field(min_length=1, max_length=500)
    regex_pattern: Pattern
    context_buffer_chars: int = Field(default=100, ge=0, le=2_000)
    max_matches: int = Field(default=50, ge=1, le=500)


class SearchSpan(ConfiguredTool[Config]):
    """Searches a span."""

    name = "search_span"
    description = (
        "As search_trace, in one span: for a span that is too large to be shown whole. Matches longer than 1,000 "
        "characters are cut; match_chars tells their length."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The matches."""

        def make() -> Answered:
            limit = Limit(self.config.search_s)
            return in_trace(work.window, given, given.span_id, limit, self.config)

        return await answered(work, (self.name, given.model_dump_json()), make)


def create(config: Config) -> SearchSpan:
    """The tool."""
    return SearchSpan(config)
