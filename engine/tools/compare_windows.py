"""Two sets of traces side by side: two stretches of time, two versions, two models."""

from typing import Any

from pydantic import Field

from engine.querying.bounding import bounded
from engine.querying.comparing import compared, side_of
from engine.querying.expressions import Limit
from engine.querying.filters import TraceFilters
from engine.querying.memory import Answered, answered, room_of
from engine.querying.selecting import meant
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, ToolError, Work


class Config(ToolConfig):
    """Limits of a comparison."""

    scan_s: float = Field(default=30.0, gt=0, description="Longest that filters may read spans.")


class Input(Arguments):
    """What to compare with what."""

    before: TraceFilters = Field(description='The traces to compare with, e.g. versions=["1.0"] or end_time_lte=…')
    after: TraceFilters = Field(description='The traces that may differ, e.g. versions=["1.1"] or start_time_gte=…')
    limit: int = Field(default=20, ge=1, le=100, description="Most tools and errors.")


class CompareWindows(ConfiguredTool[Config]):
    """Compares traces."""

    name = "compare_windows"
    description = (
        "Compare two sets of traces, each given by filters: share of traces with an error, duration, tokens and calls "
        "per trace, each tool's calls and failure rate, each kind of error; rates with 95 % Wilson intervals, and "
        "p-values (Fisher's exact test for rates, Mann-Whitney for the others). Differences with p_value <= "
        "p_threshold stand when all tests made are taken together; without a p_threshold none does."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The differences."""
        if given.before == given.after:
            raise ToolError("before and after are the same; give each its own times, versions, models or agents")

        def make() -> Answered:
            limit, window = Limit(self.config.scan_s), work.window
            sides = [meant(window, filters, limit) for filters in (given.before, given.after)]
            before, after = (side_of(window, traces) for traces in sides)
            told = {
                name: side.told["partial"] for name, side in zip(("before", "after"), sides, strict=True) if side.told
            }
            values = {**compared(before, after, given.limit), **({"partial": told} if told else {})}
            return Answered(bounded(values, "errors", room_of(self.config), "ask with a smaller limit"))

        return await answered(work, (self.name, given.model_dump_json()), make)


def create(config: Config) -> CompareWindows:
    """The tool."""
    return CompareWindows(config)
