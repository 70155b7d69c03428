"""What the spans of traces come to, read from the numbers of their rows; a text is looked up once, however often it
occurs.

The views would look it up for every span: most of what such a statement took.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from domain.contents import ErrorSpans, TraceContents, TraceNames
from domain.errors import PermanentError
from domain.spans import SpanKind, SpanStatus
from domain.sql import SqlLimits
from store.window.sql_answering import answered

_LIMITS = SqlLimits(rows=2_000_000, size_bytes=1 << 28, seconds=30.0)
_OF_TRACES = """
FROM temp.{keys} k JOIN {window}.spans s ON s.trace = k.key
WHERE k.key IN (SELECT value FROM json_each(:positions))
"""
_COUNTS = f"""
SELECT k.key, group_concat(DISTINCT s.service), group_concat(DISTINCT s.model),
    group_concat(DISTINCT ifnull(s.agent_name, s.agent_id)), group_concat(DISTINCT s.agent_id),
    sum(s.parent_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM {{window}}.spans p WHERE p.trace = s.trace AND p.span_id = s.parent_id)),
    sum(s.agent_name IS NULL AND s.agent_id IS NULL)
{_OF_TRACES} GROUP BY k.key
"""
_ERRORS = f"""
SELECT k.key, s.name, s.error, count(*), sum(s.kind = {int(SpanKind.TOOL)})
{_OF_TRACES} AND s.status = {int(SpanStatus.ERROR)} GROUP BY k.key, s.name, s.error
"""
_TEXTS = "SELECT id, text FROM {window}.strings WHERE id IN (SELECT value FROM json_each(:numbers))"
_Ask = Callable[[str, Sequence[int]], Iterable[tuple[Any, ...]]]


def contents(
    connection: sqlite3.Connection, window: str, keys: str, positions: Sequence[int], clock: Callable[[], float]
) -> list[TraceContents]:
    """The contents of those traces in the table `keys` that are at some positions, by position.

    `window` is the name of the attached window. PermanentError when they are too many to be read.
    """

    def ask(statement: str, numbers: Sequence[int]) -> Iterable[tuple[Any, ...]]:
        args = {name: json.dumps(numbers) for name in ("positions", "numbers") if f":{name}" in statement}
        found = answered(connection, statement.format(window=window, keys=keys), args, _LIMITS, clock)
        if found.cut:
            raise PermanentError(f"sql: {found.cut}")
        return found.rows

    counts, errors = ask(_COUNTS, positions), ask(_ERRORS, positions)
    lists = {row[1:5] for row in counts}
    numbers = {number for row in lists for each in row for number in _numbers(each)}
    numbers.update(number for row in errors for number in row[1:3] if number is not None)
    texts: dict[int, str] = dict(ask(_TEXTS, sorted(numbers)))
    names = {row: TraceNames(*(_texts(each, texts) for each in row)) for row in lists}
    failed = _failed(errors, texts)
    return [TraceContents(row[0], names[row[1:5]], row[5], row[6], failed.get(row[0], ())) for row in counts]


def _numbers(listed: str | None) -> list[int]:
    return [int(each) for each in listed.split(",")] if listed else []


def _texts(listed: str | None, texts: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(sorted({texts[number] for number in _numbers(listed) if texts.get(number)}))


def _failed(rows: Iterable[tuple[Any, ...]], texts: Mapping[int, str]) -> dict[int, tuple[ErrorSpans, ...]]:
    """The errors of traces by position, by name and text."""
    found: defaultdict[int, dict[tuple[str, str], ErrorSpans]] = defaultdict(dict)
    for key, *numbers, spans, tool_calls in rows:
        name, error = (texts.get(number, "") for number in numbers)
        before = found[key].get((name, error))  # an empty text counts as none
        if before is not None:
            spans, tool_calls = spans + before.spans, tool_calls + before.tool_calls
        found[key][name, error] = ErrorSpans(name, error, spans, tool_calls)
    return {key: tuple(sorted(each.values())) for key, each in found.items()}
