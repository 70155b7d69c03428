"""Which tool result made the context of a run jump: the largest of those between the two calls around the jump."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from analysis.facts import FactWindow, SpanFact
from analysis.groups import ScopeKey, tool_sequences


class Rise(NamedTuple):
    """The largest increase of input tokens between two consecutive calls, and the tool it comes after ("" unknown)."""

    tokens: int
    tool: str


def tool_starts(window: FactWindow) -> Mapping[ScopeKey, Sequence[int]]:
    """When the tool calls of each scope began (ns), in the order of `tool_sequences`."""
    return {key: [call.start_ns for call in calls] for key, calls in window.once(tool_sequences).items()}


def largest_rise(window: FactWindow, series: Sequence[SpanFact]) -> Rise:
    """Of two or more model calls of one scope with input tokens."""
    before, after = max(pairwise(series), key=lambda pair: (pair[1].input_tokens or 0) - (pair[0].input_tokens or 0))
    key = (before.trace_id, before.scope_id)
    starts = window.once(tool_starts).get(key, ())
    between = window.once(tool_sequences).get(key, ())[
        bisect_left(starts, before.start_ns) : bisect_left(starts, after.start_ns)
    ]
    told = [call for call in between if call.result_chars]
    worst = max(told, key=lambda call: call.result_chars or 0, default=None)
    return Rise((after.input_tokens or 0) - (before.input_tokens or 0), worst.tool if worst is not None else "")
