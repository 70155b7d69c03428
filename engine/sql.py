"""SQL for agents: a statement over the run's traces, and which ids it has shown.

A statement can answer with any text, so what looks like an id counts as shown only when the window has it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from domain.claims import Scalar
from domain.errors import PermanentError, RetryableError
from domain.sql import SqlAnswer, SqlLimits
from engine.tooling import ToolError, Work

MOST_NOTED = 2_000
"""Ids of one answer that are looked up."""
_AT_ONCE = 45  # columns and variables of one statement are limited
_TRACE_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_SPAN_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
_TRACE = "(SELECT 1 FROM traces WHERE trace_id = :t{0})"
_SPAN = "(SELECT 1 FROM spans WHERE trace_id = :t{0} AND span_id = :s{0})"


async def answered(work: Work, sql: str, limits: SqlLimits) -> SqlAnswer:
    """What the window answers, in a thread; ToolError with what to do when the statement is at fault."""
    window = work.window
    try:
        return await work.in_thread(lambda: window.reader.query(sql, selection=window.selection, limits=limits))
    except (PermanentError, RetryableError) as error:
        raise ToolError(str(error)) from error


async def note_rows(work: Work, answer: SqlAnswer) -> None:
    """Ids that stand in the columns `trace_id`, `span_id` and `parent_id` of an answer have been shown."""
    place = {name: at for at, name in enumerate(answer.columns)}
    if "trace_id" not in place:
        return
    traces = [str(row[place["trace_id"]]) for row in answer.rows]
    columns = [place[name] for name in ("span_id", "parent_id") if name in place]
    spans = [(trace, str(row[at])) for trace, row in zip(traces, answer.rows, strict=True) for at in columns if row[at]]
    await _note(work, traces, spans)


async def note_text(work: Work, text: str) -> None:
    """Ids that stand in a text have been shown: each span that belongs to a trace named in it too."""
    traces = list(dict.fromkeys(_TRACE_ID.findall(text)))
    spans = list(dict.fromkeys(_SPAN_ID.findall(text)))
    await _note(work, traces, ((trace, span) for trace in traces for span in spans))


async def _note(work: Work, traces: Iterable[str], spans: Iterable[tuple[str, str]]) -> None:
    new_traces = list({trace: None for trace in traces if trace not in work.shown.traces})[:MOST_NOTED]
    new_spans = list({span: None for span in spans if span not in work.shown.spans})[:MOST_NOTED]
    named = [{"t": trace} for trace in new_traces]
    work.shown.traces.update(each["t"] for each in await _existing(work, _TRACE, named))
    named = [{"t": trace, "s": span} for trace, span in new_spans]
    work.shown.spans.update((each["t"], each["s"]) for each in await _existing(work, _SPAN, named))


async def _existing(work: Work, question: str, named: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Those of some ids that the window has."""
    window = work.window
    found: list[Mapping[str, str]] = []

    def look() -> None:
        for start in range(0, len(named), _AT_ONCE):
            some = named[start : start + _AT_ONCE]
            sql = "SELECT " + ", ".join(question.format(at) for at in range(len(some)))
            args: dict[str, Scalar] = {f"{key}{at}": id_ for at, each in enumerate(some) for key, id_ in each.items()}
            row = window.reader.query(sql, args, selection=window.selection).rows[0]
            found.extend(each for each, exists in zip(some, row, strict=True) if exists)

    try:
        await work.in_thread(look)
    except (PermanentError, RetryableError):
        return found
    return found
