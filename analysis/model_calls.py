"""The model calls of each scope in order, and what is asked of one call after another.

A scope without an AGENT span is its trace. Calls that overlap are ordered by when they began.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from analysis.facts import FactWindow, SpanFact
from analysis.groups import ScopeKey
from domain.spans import SpanKind, SpanStatus

_HANDS_OVER = ("final", "finish", "submit", "respond", "complete", "answer", "handoff", "hand_off", "transfer")


class Continuation(NamedTuple):
    """Two model calls of a scope, one after the other; the first asked for tools, which the second goes on with."""

    before: SpanFact
    after: SpanFact


def model_sequences(window: FactWindow) -> Mapping[ScopeKey, Sequence[SpanFact]]:
    """The leaf LLM spans of each scope that has any, in the order they began."""
    found: dict[ScopeKey, list[SpanFact]] = defaultdict(list)
    for span in window.llm_calls:
        found[span.trace_id, span.scope_id].append(span)
    return found


def continuations(window: FactWindow) -> Sequence[Continuation]:
    """The continuations in all scopes of which both calls record what they were given."""
    return tuple(
        Continuation(before, after)
        for sequence in window.once(model_sequences).values()
        for before, after in pairwise(sequence)
        if before.requested and before.messages and after.messages and after.kept_messages is not None
    )


def last_results(window: FactWindow) -> Mapping[ScopeKey, Sequence[int]]:
    """When the tool calls of each scope that succeeded began (ns), in order, without those that hand over an answer."""
    found: dict[ScopeKey, list[int]] = defaultdict(list)
    for call in window.tool_calls:
        if call.status is not SpanStatus.ERROR and not call.soft_error and not hands_over(call.tool):
            found[call.trace_id, call.scope_id].append(call.start_ns)
    return {key: sorted(starts) for key, starts in found.items()}


def hands_over(tool: str) -> bool:
    """Whether a tool's name says that calling it is answering, e.g. `final_answer`, `transfer_to_sales`."""
    name = tool.casefold()
    return any(word in name for word in _HANDS_OVER)


def outermost(window: FactWindow) -> Iterator[SpanFact]:
    """Of each trace the span that stands for the whole run: its root, or the first AGENT where the root is lost."""
    for trace in window.traces:
        agent = next((span for span in trace.spans if span.kind is SpanKind.AGENT), None)
        found = trace.roots[0] if trace.roots else agent
        if found is not None:
            yield found
