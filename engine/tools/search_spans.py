"""Spans of any trace: by kind, tool, model, time, size, and by what they say."""

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from engine.querying.expressions import Expression, Limit, PlainText
from engine.querying.filters import Filters, Pattern
from engine.querying.matching import Found
from engine.querying.memory import Answered, answered, room_of
from engine.querying.searching import trimmed
from engine.querying.selecting import meant
from engine.querying.span_filters import SpanFilters, span_condition
from engine.querying.span_searching import SpanSort, listing, saying
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, ToolError, Work


class Config(ToolConfig):
    """Limits of a search."""

    search_s: float = Field(default=20.0, gt=0, description="Longest that spans are read.")


class Input(Arguments):
    """Which spans of which traces."""

    filters: Filters
    spans: SpanFilters = Field(default_factory=SpanFilters)
    text: Pattern | None = Field(default=None, description="A span's name, message or text values contain this.")
    regex_pattern: Pattern | None = Field(default=None, description="Its JSON line matches this.")
    context_buffer_chars: int = Field(default=100, ge=0, le=2_000)
    max_matches: int = Field(default=50, ge=1, le=500)
    sort: SpanSort = Field(default="arrival", description="Order of a list by filters alone.")
    order: Literal["asc", "desc"] = "asc"


class SearchSpans(ConfiguredTool[Config]):
    """Searches the whole window."""

    name = "search_spans"
    description = (
        "Find spans in all traces. With text (fast) or regex_pattern: matches as search_trace gives them; `whole` says "
        "whether all traces were read in time, read_traces how far it came. With neither: a list of the spans that fit "
        "the filters, e.g. the slowest calls of a tool with sort=duration, order=desc. match_count is exact when whole."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The spans found."""
        if given.text is not None and given.regex_pattern is not None:
            raise ToolError("give text or regex_pattern, not both; text is faster")

        def make() -> Answered:
            limit, window = Limit(self.config.search_s), work.window
            traces, where = meant(window, given.filters, limit), span_condition(given.spans)
            if given.text is not None or given.regex_pattern is not None:
                sought = PlainText(given.text) if given.text is not None else Expression(given.regex_pattern or "")
                asked = Found(given.max_matches, given.context_buffer_chars)
                found = saying(window, traces, where, sought, asked, limit)
            else:
                found = listing(window, traces, where, given.sort, given.order, given.max_matches)
            return replace(found, values=trimmed(found.values, room_of(self.config)))

        return await answered(work, (self.name, given.model_dump_json()), make)


def create(config: Config) -> SearchSpans:
    """The tool."""
    return SearchSpans(config)
