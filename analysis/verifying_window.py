"""The part of verification that needs the window: frozen facts against facts derived again from the bytes."""

from collections.abc import Iterator

from analysis.extraction import trace_facts
from analysis.facts import SpanFact, TraceFacts
from analysis.verifying_values import differences
from domain.spans import StoredTrace


def rederived_lines(frozen: TraceFacts, stored: StoredTrace) -> Iterator[str] | None:
    """A line for each fact of a trace that does not follow from its bytes; None when they are not comparable.

    A trace that lost or gained spans after the report (retention, late spans) has other facts by right.
    """
    derived = trace_facts(stored)
    if derived.by_id.keys() != frozen.by_id.keys():
        return None
    return _lines(frozen, derived)


def _lines(frozen: TraceFacts, derived: TraceFacts) -> Iterator[str]:
    for span_id, told in derived.by_id.items():
        found = frozen.by_id[span_id]
        if told == found:
            continue
        for name in SpanFact.__dataclass_fields__:
            path = f"facts[{told.trace_id}/{span_id}].{name}"
            yield from differences(path, getattr(told, name), getattr(found, name))
