"""What the columns of the two views that SQL statements see are made of.

Texts are looked up by sub-selects, which cost nothing where a statement does not use them and, other than joins, let
the optimiser merge a view into the statement.
"""

from domain.spans import SpanKind, SpanStatus
from domain.sql import VIEWS


def _case(column: str, names: type[SpanKind] | type[SpanStatus]) -> str:
    cases = " ".join(f"WHEN {int(each)} THEN '{each.name}'" for each in names)
    return f"CASE {column} {cases} END"


def _text(column: str) -> str:
    return f"(SELECT text FROM {{window}}.strings WHERE id = {column})"


def _span_id(column: str) -> str:
    return f"printf('%016x', {column})"


_PARENT_MISSING = (
    "iif(s.parent_id IS NULL, 0,"
    " NOT EXISTS (SELECT 1 FROM {window}.spans p WHERE p.trace = s.trace AND p.span_id = s.parent_id))"
)
_TRACES = {
    "trace_id": "k.trace_id",
    "source_id": "coalesce(t.source_id, k.trace_id)",
    "agent": "(SELECT name FROM {window}.agents WHERE id = t.agent)",
    "service": _text("t.service"),
    "root_name": _text("t.root_name"),
    "session": "t.session",
    "status": _case("t.status", SpanStatus),
    "start_ns": "t.start_ns",
    "end_ns": "t.end_ns",
    "duration_ms": "(t.end_ns - t.start_ns) / 1e6",
    "spans": "t.spans",
    "llm_spans": "t.llm_spans",
    "tool_spans": "t.tool_spans",
    "error_spans": "t.error_spans",
    "leaf_errors": "t.leaf_errors",
    "input_tokens": "t.input_tokens",
    "output_tokens": "t.output_tokens",
    "bytes": "t.bytes",
    "position": "k.key",
}
_SPANS = {
    "trace_id": "k.trace_id",
    "span_id": _span_id("s.span_id"),
    "parent_id": f"iif(s.parent_id IS NULL, '', {_span_id('s.parent_id')})",
    "service": _text("s.service"),
    "name": _text("s.name"),
    "kind": _case("s.kind", SpanKind),
    "status": _case("s.status", SpanStatus),
    "start_ns": "s.start_ns",
    "end_ns": "s.start_ns + s.duration_ns",
    "duration_ms": "s.duration_ns / 1e6",
    "provider": _text("s.provider"),
    "model": _text("s.model"),
    "tool": _text("s.tool"),
    "error": _text("s.error"),
    "agent": f"coalesce({_text('s.agent_name')}, {_text('s.agent_id')})",
    "agent_id": _text("s.agent_id"),
    "input_tokens": "s.input_tokens",
    "output_tokens": "s.output_tokens",
    "size_bytes": "s.size_bytes",
    "parent_missing": _PARENT_MISSING,
    "position": "k.key",
}
_EXPRESSIONS = {"traces": _TRACES, "spans": _SPANS}


def selected(view: str, window: str) -> str:
    """The columns of a view as a SELECT has them, over a window attached as `window`."""
    expressions = _EXPRESSIONS[view]
    return ", ".join(f"{expressions[column.name].format(window=window)} AS {column.name}" for column in VIEWS[view])


def listed() -> str:
    """The views with the names of their columns, in one line."""
    return "; ".join(f"{view}({', '.join(column.name for column in columns)})" for view, columns in VIEWS.items())
