"""What of a run's time nothing recorded explains.

The critical path is found from the end of a run backwards: the child that ended last is what the end waited for, then
the child that had ended last before that one began, and so on; between them the parent waited for something that is
not recorded. Work that spans record as one step (model calls, tool calls and the like) explains its own time,
whatever lies in it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from analysis.facts import SpanFact, TraceFacts
from domain.spans import SpanKind

_STEPS = frozenset((SpanKind.LLM, SpanKind.TOOL, SpanKind.RETRIEVER, SpanKind.EMBEDDING, SpanKind.RERANKER))
Children = Mapping[str, Sequence[SpanFact]]


class Gap(NamedTuple):
    """Time of a span that none of its children covers, and the child that began after it (None: the span ended)."""

    nanoseconds: int
    before: SpanFact | None


def gaps(trace: TraceFacts, root: SpanFact) -> Iterator[Gap]:
    """The gaps on the critical path of a run; O(n log n). Nothing below a span without children is unexplained."""
    children = _children(trace)
    open_spans = [(root, root.start_ns, root.end_ns)]
    seen = {root.span_id}
    while open_spans:
        parent, start, until = open_spans.pop()
        below = children.get(parent.span_id, ())
        after: SpanFact | None = None
        for child in below:
            if child.span_id in seen or child.start_ns >= until:
                continue
            end = min(child.end_ns, until)
            if end <= start:
                break
            seen.add(child.span_id)
            if until > end:
                yield Gap(until - end, after)
            begin = max(child.start_ns, start)
            if child.kind not in _STEPS and child.span_id in children:
                open_spans.append((child, begin, end))
            until, after = begin, child
        if below and until > start:
            yield Gap(until - start, after)


def _children(trace: TraceFacts) -> Children:
    """The children of each span, last to end first."""
    found: dict[str, list[SpanFact]] = defaultdict(list)
    for span in trace.spans:
        if span.parent_id and span.end_ns > span.start_ns > 0:
            found[span.parent_id].append(span)
    for below in found.values():
        below.sort(key=lambda span: (-span.end_ns, -span.start_ns, span.span_id))
    return found
