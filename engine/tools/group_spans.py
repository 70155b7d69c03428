"""Spans by what they have in common: how many, how many failed, how long, how large."""

from typing import Any

from pydantic import Field

from engine.querying.bounding import bounded
from engine.querying.expressions import Limit
from engine.querying.filters import Filters
from engine.querying.grouping import Dimension, Group, GroupSort, Measure, grouped, rank, shown
from engine.querying.memory import Answered, answered, room_of
from engine.querying.selecting import meant
from engine.querying.span_filters import SpanFilters, span_condition
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, Work


class Config(ToolConfig):
    """Limits of a grouping."""

    scan_s: float = Field(default=20.0, gt=0, description="Longest that filters and versions may read spans.")


class Input(Arguments):
    """What to group by, and which spans."""

    by: list[Dimension] = Field(min_length=1, max_length=3)
    filters: Filters
    spans: SpanFilters = Field(default_factory=SpanFilters)
    measures: list[Measure] = Field(default=["duration_ms", "tokens"], max_length=3)
    sort: GroupSort = Field(default="count", description="Largest first, by count or sum; value is alphabetical.")
    limit: int = Field(default=50, ge=1, le=500)
    offset: int = Field(default=0, ge=0)


class GroupSpans(ConfiguredTool[Config]):
    """Groups spans."""

    name = "group_spans"
    description = (
        "Count spans by up to three of kind, tool, model, provider, name, service, agent, status, error (text with its "
        "variable parts masked), session, version (of the service; reads spans), hour, day. Each group has spans, "
        "traces, errors, error_rate, and sum, p50, p90, p99 of duration_ms, tokens or bytes; `total` is all together. "
        "Spans above others repeat their time and tokens: filter by kind (LLM, TOOL) for sums."
    )
    arguments = Input

    async def answer(self, given: Input, work: Work) -> dict[str, Any]:
        """The groups."""

        def make() -> Answered:
            limit, window = Limit(self.config.scan_s), work.window
            traces = meant(window, given.filters, limit)
            groups, whole, told = grouped(window, traces, span_condition(given.spans), given.by, limit)
            ordered = sorted(groups.items(), key=lambda each: str(each[0]))
            if given.sort != "value":
                ordered.sort(key=lambda each: -rank(each[1], given.sort))
            page = ordered[given.offset : given.offset + given.limit]
            values = {
                "groups": [_told(given, key, group) for key, group in page],
                "group_count": len(groups),
                "total": whole.told(given.measures),
                **told,
                **traces.told,
            }
            return Answered(bounded(values, "groups", room_of(self.config), "ask for fewer groups, or use offset"))

        return await answered(work, (self.name, given.model_dump_json()), make)


def _told(given: Input, key: tuple[Any, ...], group: Group) -> dict[str, Any]:
    return {**dict(zip(given.by, map(shown, key), strict=True)), **group.told(given.measures)}


def create(config: Config) -> GroupSpans:
    """The tool."""
    return GroupSpans(config)
