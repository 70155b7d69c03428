"""SQL over the run's traces, for what no other tool counts."""

import time
from typing import Any

from pydantic import Field

from domain.sql import SqlLimits, sql_schema
from engine.sql import answered, note_rows
from engine.tooling import Arguments, ToolConfig, Work

_DESCRIPTION = """Answer one SQLite SELECT over two views of this run's traces, read-only and bounded in time and size.
Best for counts, rates, percentiles, groups and comparisons that the other tools do not make. `cut` says when rows are
missing; let SQL count and group rather than reading many rows. Besides SQLite's usual functions there are median(x)
and percentile(x, p). The views hold no message texts: search those with search_spans or search_trace.

{schema}

Examples:
SELECT tool, count(*) AS calls, sum(status = 'ERROR') AS failed, percentile(duration_ms, 95) AS p95_ms
  FROM spans WHERE kind = 'TOOL' GROUP BY tool ORDER BY failed DESC LIMIT 20
SELECT t.trace_id, t.duration_ms, count(*) AS retries FROM traces t JOIN spans s ON s.trace_id = t.trace_id
  WHERE s.error LIKE '%timeout%' GROUP BY t.trace_id HAVING retries > 2 ORDER BY retries DESC LIMIT 10"""


class Config(ToolConfig):
    """How much of the window's answer is shown."""

    max_rows: int = Field(default=1_000, ge=1, le=10_000, description="Most rows of an answer.")
    max_bytes: int = Field(default=100_000, ge=1_000, description="Most bytes of an answer's values, as text.")
    statement_s: float = Field(default=5.0, gt=0, description="Longest a statement may run, in seconds.")


class Given(Arguments):
    """A statement."""

    sql: str = Field(min_length=1, max_length=20_000, description="One SELECT, or WITH … SELECT.")
    limit: int | None = Field(default=None, ge=1, le=10_000, description="Most rows; by default all that fit.")


def create(config: Config) -> "QuerySql":
    """The tool."""
    return QuerySql(config)


class QuerySql:
    """Asks the window."""

    name = "query_sql"
    description = _DESCRIPTION.format(schema=sql_schema())
    arguments = Given

    def __init__(self, config: Config) -> None:
        self.config: Config = config

    def offered(self, work: Work) -> bool:
        """Always."""
        return True

    async def answer(self, given: Given, work: Work) -> dict[str, Any]:
        """Columns, rows, why there are no more, and how long it took."""
        rows = min(given.limit or self.config.max_rows, self.config.max_rows)
        limits = SqlLimits(rows=rows, size_bytes=self.config.max_bytes, seconds=self.config.statement_s)
        began = time.perf_counter()
        answer = await answered(work, given.sql, limits)
        seconds = time.perf_counter() - began
        await note_rows(work, answer)
        return {
            "columns": list(answer.columns),
            "rows": [list(row) for row in answer.rows],
            "cut": answer.cut,
            "seconds": round(seconds, 3),
        }
