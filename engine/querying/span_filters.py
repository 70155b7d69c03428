"""Which spans a tool is asked about, as the window's index knows them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from engine.querying.conditions import Where
from engine.querying.filters import KindName, Names, briefly
from engine.tooling import Arguments


class SpanFilters(Arguments):
    """All that are given must hold of a span; lists: any of them."""

    model_config = ConfigDict(json_schema_extra=briefly)

    kinds: list[KindName] | None = None
    tools: Annotated[Names, Field(max_length=10)] | None = None
    models: Annotated[Names, Field(max_length=10)] | None = None
    names: Annotated[Names, Field(max_length=10)] | None = None
    services: Annotated[Names, Field(max_length=10)] | None = None
    agents: Annotated[Names, Field(max_length=10)] | None = Field(default=None, description="Agents by name.")
    statuses: list[Literal["OK", "ERROR", "UNSET"]] | None = None
    errors: Annotated[Names, Field(max_length=5)] | None = Field(
        default=None, description="Its masked error text contains one of these, whatever the case."
    )
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    min_tokens: int | None = Field(default=None, description="Input and output together.")
    max_tokens: int | None = None
    min_bytes: int | None = None
    max_bytes: int | None = None


def span_condition(filters: SpanFilters) -> Where:
    """The filters over the view `spans`; arguments named apart from those of conditions on traces."""
    where = Where(prefix="s")
    lists = {
        "kind": filters.kinds,
        "tool": filters.tools,
        "model": filters.models,
        "name": filters.names,
        "service": filters.services,
        "agent": filters.agents,
        "status": filters.statuses,
    }
    where.parts += [where.any_of(column, values) for column, values in lists.items() if values]
    if filters.errors:
        where.parts.append(where.error_says(filters.errors))
    where.between("duration_ms", filters.min_duration_ms, filters.max_duration_ms)
    where.between("coalesce(input_tokens, 0) + coalesce(output_tokens, 0)", filters.min_tokens, filters.max_tokens)
    where.between("size_bytes", filters.min_bytes, filters.max_bytes)
    return where
