"""An exemplar's trace as a picture bears it: the cited spans, those around them, the longest of the others.

Names are facts of spans, so they are cut to a length and a line; everything else is numbers.
"""

from collections.abc import Iterator, Mapping

from analysis.counting import rounded_milliseconds
from analysis.facts import SpanFact, TraceFacts
from analysis.phrases import one_line
from domain.report import Finding, Waterfall, WaterfallSpan

MOST_SPANS = 60
NAME_MAX_CHARS = 120
_MAX_DEPTH = 200


def waterfall_of(finding: Finding, trace: TraceFacts) -> Waterfall:
    """The trace of a finding's exemplar in the order of its tree, siblings by their start."""
    cited = {item.span_id for item in finding.evidence if item.trace_id == trace.trace_id}
    chosen = _chosen(trace, cited)
    began = min((span.start_ns for span in trace.spans), default=0)
    order = [(span, depth) for span, depth in _tree(trace) if span.span_id in chosen]
    return Waterfall(
        fingerprint=finding.fingerprint,
        trace_id=trace.trace_id,
        left_out=len(trace.by_id) - len(order),
        spans=tuple(_shown(span, depth, began, span.span_id in cited) for span, depth in order),
    )


def _chosen(trace: TraceFacts, cited: set[str]) -> frozenset[str]:
    """At most sixty spans: cited, their ancestors, their siblings and children, then by length."""
    spans = trace.by_id
    wanted: dict[str, None] = dict.fromkeys(span_id for span_id in spans if span_id in cited)
    for span_id in tuple(wanted):
        wanted |= dict.fromkeys(_ancestors(spans, span_id))
    beside = {spans[span_id].parent_id for span_id in cited if span_id in spans} - {""}
    near = (span for span in trace.spans if span.parent_id in beside or span.parent_id in cited)
    for group in (near, sorted(trace.spans, key=lambda span: (-span.duration_s, span.start_ns, span.span_id))):
        for span in group:
            if len(wanted) >= MOST_SPANS:
                break
            wanted[span.span_id] = None
    return frozenset(list(wanted)[:MOST_SPANS])


def _ancestors(spans: Mapping[str, SpanFact], span_id: str) -> Iterator[str]:
    at = spans[span_id].parent_id
    for _ in range(_MAX_DEPTH):
        if at not in spans or at == span_id:
            return
        yield at
        at = spans[at].parent_id


def _tree(trace: TraceFacts) -> Iterator[tuple[SpanFact, int]]:
    """Each span with its depth, parents before children; spans in a circle of parents come last, as roots."""
    spans = trace.by_id
    below: dict[str, list[SpanFact]] = {}
    for span in sorted(spans.values(), key=lambda span: (span.start_ns, span.span_id)):
        below.setdefault(span.parent_id if span.parent_id in spans else "", []).append(span)
    told: set[str] = set()
    for start in (below.get("", []), list(spans.values())):
        stack = [(span, 0) for span in reversed(start) if span.span_id not in told]
        while stack:
            span, depth = stack.pop()
            if span.span_id in told:
                continue
            told.add(span.span_id)
            yield span, min(depth, _MAX_DEPTH)
            stack += [(child, depth + 1) for child in reversed(below.get(span.span_id, []))]


def _shown(span: SpanFact, depth: int, began_ns: int, cited: bool) -> WaterfallSpan:
    name = one_line(span.name or span.tool or span.model)
    return WaterfallSpan(
        span_id=span.span_id,
        name=name if len(name) <= NAME_MAX_CHARS else name[: NAME_MAX_CHARS - 1] + "…",
        kind=span.kind.name,
        status=span.status.name,
        depth=depth,
        start_ms=rounded_milliseconds(span.start_ns - began_ns),
        end_ms=rounded_milliseconds(max(span.end_ns, span.start_ns) - began_ns),
        cited=cited,
    )
