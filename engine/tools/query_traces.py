"""Pages of trace summaries."""

from typing import Any, Literal

from pydantic import Field

from engine.querying.expressions import Limit
from engine.querying.filters import Filters
from engine.querying.memory import Answered, answered, room_of
from engine.querying.selecting import meant
from engine.querying.summaries import Sort, page
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, Work


class Config(ToolConfig):
    """Limits of a page."""

    scan_s: float = Field(default=20.0, gt=0, description="Longest that filters may read spans.")


class Input(Arguments):
    """Which traces, in what order, and which page of them."""

    filters: Filters
    limit: int = Field(default=50, ge=1, le=500)
    offset: int = Field(default=0, ge=0)
    sort: Sort = Field(default="arrival", description="What to order by; arrival is the order of the file.")
    order: Literal["asc", "desc"] = "asc"


class QueryTraces(ConfiguredTool[Config]):
    """Lists traces."""

    name = "query_traces"
    description = (
        "Summaries of traces, a page at a time, with the exact total. raw_jsonl_bytes tells how large a trace is: well "
        "below 150,000, view_trace shows all of it. Sort by duration, tokens, errors or spans with order=desc to see "
        "the extremes first."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The page, and how many traces there are in all."""

        def make() -> Answered:
            traces = meant(work.window, given.filters, Limit(self.config.scan_s))
            room_bytes = room_of(self.config)
            return page(work.window, traces, given.sort, given.order, given.limit, given.offset, room_bytes)

        return await answered(work, (self.name, given.model_dump_json()), make)


def create(config: Config) -> QueryTraces:
    """The tool."""
    return QueryTraces(config)
