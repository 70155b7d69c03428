"""How many steps each agent's work took, and how it ended: what limits on steps are seen by."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analysis.facts import FactWindow, SpanFact
from analysis.groups import ScopeKey
from analysis.model_calls import hands_over, model_sequences
from domain.spans import SpanStatus

Group = tuple[str, str]
"""(service, agent)."""
_MAX_DEPTH = 100


class Length(NamedTuple):
    """One scope's number of steps; `span` is its AGENT span, else its last model call."""

    span: SpanFact
    last: SpanFact
    steps: int
    most: int | None  # steps it may take, where it says so
    is_past: bool = False  # whether the last model call comes after the last span that stands for a step

    @property
    def is_over(self) -> bool:
        """Whether the scope took all the steps it may and was not done."""
        if self.most is None or self.steps < self.most:
            return False
        return self.steps > self.most or self.is_past or is_still_working(self.last)


def lengths(window: FactWindow) -> Sequence[Length]:
    """The lengths of all scopes with a model call, of traces that are complete."""
    found = []
    agents = window.once(_scope_spans)
    for key, calls in window.once(model_sequences).items():
        if key[0] in agents.complete:
            span = agents.spans.get(key, calls[-1])
            steps, is_past = (len(calls), False) if span.max_steps is None else _steps(window, span, calls)
            found.append(Length(span, calls[-1], steps, span.max_steps, is_past))
    return tuple(found)


def _steps(window: FactWindow, agent: SpanFact, calls: Sequence[SpanFact]) -> tuple[int, bool]:
    """Steps of an agent, and whether its last call stands outside of them.

    Where an agent's model calls lie in several spans below it, these are its steps, and calls outside of them plan or
    summarise; else every model call is a step.
    """
    around = [_below(window, agent, call) for call in calls]
    spans = {top for top, call in zip(around, calls, strict=True) if top != call.span_id}
    return (len(spans), around[-1] == calls[-1].span_id) if len(spans) > 1 else (len(calls), False)


def _below(window: FactWindow, agent: SpanFact, call: SpanFact) -> str:
    """The child of an agent that a call lies in; the call itself when it is one, or when the way up is lost."""
    span = call
    for _ in range(_MAX_DEPTH):
        if span.parent_id == agent.span_id:
            return span.span_id
        above = window.by_ref.get((span.trace_id, span.parent_id))
        if above is None:
            break
        span = above
    return call.span_id


class _Scopes(NamedTuple):
    spans: Mapping[ScopeKey, SpanFact]
    complete: frozenset[str]


def _scope_spans(window: FactWindow) -> _Scopes:
    wanted = window.once(model_sequences)
    spans = {(span.trace_id, span.span_id): span for span in window.spans() if (span.trace_id, span.span_id) in wanted}
    return _Scopes(spans, frozenset(trace.trace_id for trace in window.traces if trace.complete))


def is_still_working(last: SpanFact) -> bool:
    """Whether a last model call asked for a tool that does not hand over an answer."""
    return bool(last.requested) and not any(hands_over(call.tool) for call in last.requested)


def groups_of_lengths(window: FactWindow) -> Mapping[Group, Sequence[Length]]:
    """Lengths by service and agent, without those that say how many steps they may take."""
    found: dict[Group, list[Length]] = defaultdict(list)
    for length in window.once(lengths):
        if length.most is None:
            found[length.span.service, length.span.agent].append(length)
    return found


def pile_up(scopes: Sequence[Length], least_steps: int, least_scopes: int, times: float) -> Sequence[Length]:
    """The scopes that pile up at the greatest length of their group and stop there in the middle of their work.

    A pile is large, several times as high as the two lengths before it, and less than half of the group: where
    most scopes have one length, it is simply how long the work is; scopes that failed say themselves what ended them.
    () when there is none.
    """
    counts = Counter(length.steps for length in scopes)
    top = max(counts)
    beside = max(counts[top - 1], counts[top - 2], 1)
    if top < least_steps or counts[top] < max(least_scopes, times * beside) or 2 * counts[top] > len(scopes):
        return ()
    pile = [length for length in scopes if length.steps == top]
    working = [
        length for length in pile if length.span.status is not SpanStatus.ERROR and is_still_working(length.last)
    ]
    return working if 2 * len(working) >= len(pile) else ()
