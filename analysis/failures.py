"""Which spans failed of themselves, and which failures were never made good.

An ERROR span without an ERROR child is a leaf error. Where the leaf is plumbing (an HTTP request inside a
tool, an SDK's retry inside a model call), the tool or model call around it is what an agent saw fail, so
the failure is lifted to that span; several plumbing errors below one call are one failure.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analysis.detecting import SpanRef
from analysis.facts import FactWindow, SpanFact, TraceFacts
from domain.spans import SpanKind, SpanStatus

_ACTIONS = frozenset((SpanKind.LLM, SpanKind.TOOL, SpanKind.RETRIEVER, SpanKind.EMBEDDING, SpanKind.RERANKER))
_MAX_DEPTH = 100


class Failure(NamedTuple):
    """A span that failed of itself, and what is known of its error."""

    span: SpanFact
    error_type: str
    template: str

    @property
    def cause(self) -> str:
        """Error type and template in one text; the identity of a failure's cause."""
        return f"{self.error_type}|{self.template}"


def failures(window: FactWindow) -> Mapping[SpanRef, Failure]:
    """Every failure of a window by span; plumbing is lifted to the call it broke."""
    found: dict[SpanRef, Failure] = {}
    for trace in window.traces:
        for leaf in trace.spans:
            if leaf.leaf_error:
                span = _blamed(leaf, trace)
                kept = found.get(span.ref)
                if kept is None or not kept.template:
                    error_type = span.error_type or leaf.error_type
                    found[span.ref] = Failure(span, error_type, span.error_template or leaf.error_template)
    return found


def _blamed(leaf: SpanFact, trace: TraceFacts) -> SpanFact:
    """The action whose ERROR comes from this leaf; the leaf itself when no action around it failed."""
    span = leaf
    for _ in range(_MAX_DEPTH):
        if span.kind in _ACTIONS:
            return span
        parent = trace.by_id.get(span.parent_id)
        if span.kind is SpanKind.AGENT or parent is None or parent.status is not SpanStatus.ERROR:
            return leaf
        span = parent
    return leaf


def failed_calls(window: FactWindow) -> Mapping[str, Sequence[Failure]]:
    """The failures of TOOL spans by tool."""
    found: dict[str, list[Failure]] = {}
    for failure in window.once(failures).values():
        if failure.span.kind is SpanKind.TOOL and failure.span.tool:
            found.setdefault(failure.span.tool, []).append(failure)
    return found


def unrecovered(window: FactWindow) -> frozenset[SpanRef]:
    """Failures after which nothing of the same sort succeeded in their scope.

    Of the same sort are calls of the same tool, and of other spans those of the same kind (and name, where the
    kind is unknown). A success must begin after the failure ended.
    """
    last_success: dict[tuple[str, ...], int] = {}
    for span in window.spans():
        if span.status is not SpanStatus.ERROR:
            key = _sort_of(span)
            last_success[key] = max(span.start_ns, last_success.get(key, -1))
    return frozenset(
        ref
        for ref, failure in window.once(failures).items()
        if last_success.get(_sort_of(failure.span), -1) < max(failure.span.end_ns, failure.span.start_ns)
    )


def _sort_of(span: SpanFact) -> tuple[str, ...]:
    name = span.tool or span.name if span.kind is SpanKind.TOOL else span.name if not span.kind else ""
    scope = span.parent_id if span.kind is SpanKind.AGENT else span.scope_id
    return span.trace_id, scope, span.kind.name, name
