"""SQL over the window as callers see it: what there is to ask, how much a statement may take, what it answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from domain.claims import Scalar
from domain.spans import SpanKind

NO_ARGS: Mapping[str, Scalar] = MappingProxyType({})


class Column(NamedTuple):
    """A column of a view: its name, its type in SQLite, and what it says."""

    name: str
    kind: str
    meaning: str


TRACES = (
    Column("trace_id", "TEXT", "32 lower-case hex digits"),
    Column("source_id", "TEXT", "the id its file gave it, else trace_id"),
    Column("agent", "TEXT", "whose work it is"),
    Column("service", "TEXT", "service.name of its root"),
    Column("root_name", "TEXT", "name of its root span"),
    Column("session", "TEXT", "session or conversation id"),
    Column("status", "TEXT", "of its root: OK, ERROR or UNSET"),
    Column("start_ns", "INTEGER", "Unix nanoseconds"),
    Column("end_ns", "INTEGER", "Unix nanoseconds"),
    Column("duration_ms", "REAL", "from its first start to its last end"),
    Column("spans", "INTEGER", "how many spans"),
    Column("llm_spans", "INTEGER", "of kind LLM"),
    Column("tool_spans", "INTEGER", "of kind TOOL"),
    Column("error_spans", "INTEGER", "with status ERROR"),
    Column("leaf_errors", "INTEGER", "error spans without an error span below: where it went wrong"),
    Column("input_tokens", "INTEGER", "of leaf LLM spans, so that nothing counts twice"),
    Column("output_tokens", "INTEGER", "likewise"),
    Column("bytes", "INTEGER", "of its spans as they arrived"),
    Column("position", "INTEGER", "grows in order of arrival"),
)
SPANS = (
    Column("trace_id", "TEXT", "joins with traces"),
    Column("span_id", "TEXT", "16 lower-case hex digits"),
    Column("parent_id", "TEXT", "'' for a root"),
    Column("service", "TEXT", "service.name"),
    Column("name", "TEXT", "span name"),
    Column("kind", "TEXT", ", ".join(kind.name for kind in SpanKind)),
    Column("status", "TEXT", "OK, ERROR or UNSET"),
    Column("start_ns", "INTEGER", "Unix nanoseconds"),
    Column("end_ns", "INTEGER", "NULL when the span has not ended"),
    Column("duration_ms", "REAL", "NULL when the span has not ended"),
    Column("provider", "TEXT", "of an LLM call"),
    Column("model", "TEXT", "of an LLM call"),
    Column("tool", "TEXT", "tool name of a tool call"),
    Column("error", "TEXT", "error text with its variable parts masked; NULL without an error"),
    Column("agent", "TEXT", "agent it names, else NULL"),
    Column("agent_id", "TEXT", "id of that agent, where it states one"),
    Column("input_tokens", "INTEGER", "NULL where not recorded; parents may repeat their children's"),
    Column("output_tokens", "INTEGER", "likewise"),
    Column("size_bytes", "INTEGER", "of the span as it arrived"),
    Column("parent_missing", "INTEGER", "1 when its parent is not in its trace, else 0"),
    Column("position", "INTEGER", "position of its trace"),
)
VIEWS: Mapping[str, tuple[Column, ...]] = MappingProxyType({"traces": TRACES, "spans": SPANS})
"""The views that a statement sees. Ids are text, as everywhere else a model or a person sees them."""


def sql_schema() -> str:
    """The views and their columns, a line each, for whoever writes statements."""
    return "\n\n".join(
        "\n".join([f"{view}:", *(f"  {column.name} {column.kind}: {column.meaning}" for column in columns)])
        for view, columns in VIEWS.items()
    )


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """The most rows and bytes (of their values as text) of an answer, and seconds that a statement may run."""

    rows: int = 1_000
    size_bytes: int = 100_000
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """Rows of JSON-ready values by column; `cut` says why the answer is not whole, empty when it is."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    cut: str = ""


SQL_LIMITS = SqlLimits()
