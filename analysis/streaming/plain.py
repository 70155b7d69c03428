"""Recognises the shape that nearly all traces have: one agent at the root, all else below it in order, no failure.

In such a trace every model call counts, there is one scope, and nothing repeats, so that the relations of its spans
need not be worked out. `analysis.streaming.counting` counts traces of any shape and is the law: tests hold the short
way to it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from analysis.streaming.open_trace import NO_PARENT, Record, has_failed
from domain.spans import SpanKind, SpanStatus

_LLM, _TOOL, _AGENT, _ERROR = int(SpanKind.LLM), int(SpanKind.TOOL), int(SpanKind.AGENT), int(SpanStatus.ERROR)


class Plain(NamedTuple):
    """The model calls and the tool calls of a plain trace, by start; its root is its first span."""

    models: list[Record]
    calls: list[Record]


def plain(records: Sequence[Record]) -> Plain | None:
    """The parts of a trace of these spans, by start; None when it is not plain.

    It is not with an error, a second agent, a model call inside another, a parent that is missing or began later, or
    two results that are equal.
    """
    root = records[0] if records else None
    if root is None or root.kind != _AGENT or root.parent_id != NO_PARENT or not root.end_ns or has_failed(root):
        return None
    in_model = {root.span_id: False}
    parts = Plain([], [])
    for record in records[1:]:
        within, kind = in_model.get(record[1]), record[10]
        if within is None or record[11] & 3 == _ERROR or kind == _AGENT:
            return None
        if kind == _TOOL:
            if record[6]:
                parts.calls.append(record)
        elif kind == _LLM:
            if within:
                return None
            within = True
            parts.models.append(record)
        in_model[record[0]] = within
    results = [record[5] for record in parts.calls if record[5]]
    return parts if len(set(results)) == len(results) else None
