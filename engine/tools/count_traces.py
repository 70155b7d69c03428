"""How many traces fit a description."""

from typing import Any

from pydantic import Field

from engine.querying.expressions import Limit
from engine.querying.filters import Filters
from engine.querying.memory import Answered, answered
from engine.querying.selecting import meant, total
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, Work


class Config(ToolConfig):
    """Limits of a count."""

    scan_s: float = Field(default=20.0, gt=0, description="Longest that filters may read spans.")


class Input(Arguments):
    """Of which traces."""

    filters: Filters


class CountTraces(ConfiguredTool[Config]):
    """Counts traces."""

    name = "count_traces"
    description = (
        "How many traces fit the filters: exact, or `partial` with how many were read when filters that read spans "
        "took too long."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The count."""

        def make() -> Answered:
            traces = meant(work.window, given.filters, Limit(self.config.scan_s))
            return Answered({"total": total(work.window, traces), **traces.told})

        return await answered(work, (self.name, given.model_dump_json()), make)


def create(config: Config) -> CountTraces:
    """The tool."""
    return CountTraces(config)
