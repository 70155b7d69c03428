"""The cited spans of an evidence bundle, read back from their bytes."""

from collections.abc import Callable

from domain.otlp import ResourceSpans, ScopeSpans, Span
from domain.spans import StoredSpan
from domain.wire import split


def cited_spans(cited: bytes) -> Callable[[str, str], StoredSpan | None]:
    """A way to read one cited span by its ids in hexadecimal; `cited` is encoded TracesData."""
    known: dict[tuple[str, str], StoredSpan] = {}
    for piece in split(cited):
        span = Span.FromString(piece.span)
        resource, scope = ResourceSpans.FromString(piece.resource), ScopeSpans.FromString(piece.scope)
        stored = StoredSpan(resource.resource, scope.scope, span, piece.span, 0, piece.resource, piece.scope)
        known[stored.trace_id, stored.span_id] = stored
    return lambda trace_id, span_id: known.get((trace_id, span_id))
