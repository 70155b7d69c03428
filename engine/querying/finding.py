"""Traces and spans by the ids people use: those of their file, those of OTLP, or a trace id's beginning."""

from collections.abc import Iterable, Sequence

from domain.errors import PermanentError
from domain.spans import SOURCE_SPAN_ID, StoredSpan, StoredTrace, TraceLines, TraceSummary
from engine.querying.statements import rows_of
from engine.tooling import ToolError
from engine.window import TraceWindow

_WHERE_TRACES = "take an id from get_dataset_overview (sample_trace_ids), query_traces or search_spans"
_WHERE_SPANS = "take an id from view_trace, search_trace or search_spans"
_SHOWN_CHARS = 80


def trace_called(window: TraceWindow, name: str) -> StoredTrace:
    """The trace of the window with this id, or the only one whose id begins so; ToolError tells where ids are found."""
    shown = name[:_SHOWN_CHARS]
    try:
        trace = window.reader.trace(name)
    except PermanentError as error:
        raise ToolError(f"{shown!r} does not name one trace; give the whole id: {_WHERE_TRACES}") from error
    if trace is None or not _is_selected(window, trace.summary):
        raise ToolError(f"there is no trace {shown!r} here; {_WHERE_TRACES}")
    return trace


def lines_called(window: TraceWindow, name: str) -> TraceLines | None:
    """The same trace as the lines of its file; None where `trace_called` has to say what there is."""
    try:
        found = window.reader.lines(name)
    except PermanentError:
        return None
    return found if found is not None and _is_selected(window, found.summary) else None


def _is_selected(window: TraceWindow, summary: TraceSummary) -> bool:
    """Whether a trace lies in the window; the store is asked only where the summary alone does not say."""
    wanted = window.selection
    owners = wanted.agent_uuids
    is_owned = summary.agent_uuid in owners if owners is not None else summary.agent_uuid != ""
    if summary.complete and is_owned and wanted.end_from_ns <= summary.end_ns < wanted.end_to_ns:
        return True
    return bool(rows_of(window, "SELECT 1 FROM traces WHERE trace_id = :id", {"id": summary.trace_id}))


def span_name(stored: StoredSpan) -> str:
    """The id of a span as its file says it."""
    if stored.raw and SOURCE_SPAN_ID.encode() not in stored.raw:
        return stored.span_id
    said = (item.value.string_value for item in stored.span.attributes if item.key == SOURCE_SPAN_ID)
    return next(said, "") or stored.span_id


def spans_called(trace: StoredTrace, names: Sequence[str]) -> tuple[list[StoredSpan], list[str]]:
    """The spans of a trace with these ids, in the trace's order, and the ids that none has."""
    wanted = {name.lower() if _is_hex(name) else name for name in names}
    found = [stored for stored in trace.spans if stored.span_id in wanted or span_name(stored) in names]
    known = {name for stored in found for name in (stored.span_id, span_name(stored))}
    return found, [name for name in names if name not in known and name.lower() not in known]


def no_span(names: Iterable[str], trace: str) -> ToolError:
    """That a trace has no such spans."""
    shown = ", ".join(repr(name[:_SHOWN_CHARS]) for name in list(names)[:5])
    return ToolError(f"trace {trace} has no span {shown}; {_WHERE_SPANS}")


def shown_ids(trace: StoredTrace, spans: Iterable[StoredSpan]) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """The ids of a trace, and those of some of its spans, by all their names."""
    traces = frozenset((trace.summary.trace_id, trace.summary.source_trace_id))
    names = {name for stored in spans for name in (stored.span_id, span_name(stored))}
    return traces, frozenset((each, name) for each in traces for name in names)


def _is_hex(name: str) -> bool:
    return len(name) == 16 and all(each in "0123456789abcdefABCDEF" for each in name)
