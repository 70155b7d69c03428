"""Searching one trace, or one of its spans."""

from typing import Any, Protocol

from domain.written_lines import may_hold, needle_of, written_object
from engine.querying.bounding import bounded
from engine.querying.expressions import Expression, Limit
from engine.querying.finding import lines_called, no_span, shown_ids, spans_called, trace_called
from engine.querying.matching import Found, line_of, lines_of
from engine.querying.memory import Answered, memory_of, room_of
from engine.tooling import ToolConfig
from engine.window import TraceWindow

_NEXT_STEP = "make the pattern more specific, or ask for less context"


class Search(Protocol):
    """What is asked for."""

    trace_id: str
    regex_pattern: str
    context_buffer_chars: int
    max_matches: int


def in_trace(window: TraceWindow, given: Search, span_id: str | None, limit: Limit, config: ToolConfig) -> Answered:
    """The matches in a trace, or in one span of it."""
    expression = Expression(given.regex_pattern)
    answer = _in_lines(window, given, span_id, expression, limit, config)
    if answer is not None:
        return answer
    trace = trace_called(window, given.trace_id)
    about: dict[str, Any] = {"trace_id": trace.summary.source_trace_id}
    among = None
    if span_id is not None:
        among, unknown = spans_called(trace, [span_id])
        if unknown:
            raise no_span(unknown, about["trace_id"])
        about["span_id"] = span_id
    found = Found(given.max_matches, given.context_buffer_chars)
    for line in lines_of(trace, expression, memory_of(window), among):
        found.look(expression, line, limit)
    shown = [trace.spans[each["span_index"]] for each in found.records]
    traces, ids = shown_ids(trace, shown)
    return Answered(trimmed(about | found.told(), room_of(config)), traces, ids)


def _in_lines(
    window: TraceWindow, given: Search, span_id: str | None, expression: Expression, limit: Limit, config: ToolConfig
) -> Answered | None:
    """The same from the lines of a file, of which only those that may match are read; None: decode the trace."""
    trace = lines_called(window, given.trace_id)
    if trace is None or (span_id is not None and span_id.lower() not in {each for each, _ in trace.lines}):
        return None
    needle = needle_of(expression.required)
    found = Found(given.max_matches, given.context_buffer_chars)
    for index, (each, line) in enumerate(trace.lines):
        if (span_id is None or each == span_id.lower()) and may_hold(line, needle):
            written = written_object(line)
            if written is None:
                return None
            found.look(expression, line_of(written, index), limit)
    name, own = trace.summary.source_trace_id, trace.summary.trace_id
    about = {"trace_id": name} if span_id is None else {"trace_id": name, "span_id": span_id}
    shown = frozenset((of, str(each["span_id"])) for of in (name, own) for each in found.records)
    return Answered(trimmed(about | found.told(), room_of(config)), frozenset((name, own)), shown)


def trimmed(values: dict[str, Any], room_bytes: int) -> dict[str, Any]:
    """An answer with matches, held to its bytes; the counts agree with what is left."""
    kept = bounded(values, "matches", room_bytes, _NEXT_STEP)
    returned = len(kept["matches"])
    return {**kept, "returned_match_count": returned, "has_more": kept["match_count"] > returned}
