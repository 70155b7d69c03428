"""What the window holds: the first thing to ask."""

from typing import Any

from pydantic import Field

from engine.querying.expressions import Limit
from engine.querying.filters import Filters
from engine.querying.memory import Answered, answered, room_of
from engine.querying.overview import overview
from engine.querying.selecting import meant
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, Work


class Config(ToolConfig):
    """Limits of an overview."""

    scan_s: float = Field(default=20.0, gt=0, description="Longest that filters may read spans.")


class Input(Arguments):
    """Of which traces."""

    filters: Filters


class GetDatasetOverview(ConfiguredTool[Config]):
    """Sums up the window."""

    name = "get_dataset_overview"
    description = (
        "Totals of the dataset: traces, spans, times, services, models, agents, tokens, bytes, health counters, every "
        "kind of error (error_taxonomy: by span name and error text with its variable parts masked; complete, the "
        "largest 20), and sample_trace_ids, real ids for other tools. Call it first, without filters. "
        "error_trace_count counts traces with a span of status ERROR; others may have failed too. A null stands for "
        "what the index does not know."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The overview of the traces that are meant."""

        def make() -> Answered:
            traces = meant(work.window, given.filters, Limit(self.config.scan_s))
            return overview(work.window, traces, room_of(self.config))

        return await answered(work, (self.name, given.model_dump_json()), make)


def create(config: Config) -> GetDatasetOverview:
    """The tool."""
    return GetDatasetOverview(config)
