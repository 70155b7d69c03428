"""The part of verification that needs the window: frozen facts against facts derived again from the bytes."""

from collections.abc import Iterator

from analysis.extraction import trace_facts
from analysis.facts import SpanFact, TraceFacts
from analysis.verifying_values import differences
from domain.spans import StoredTrace


def rederived_lines(frozen: TraceFacts, stored: StoredTrace, generated_ns: int | None = None) -> Iterator[str] | None:
    """A line for each fact of a trace that does not follow from its bytes; None when they are not comparable.

    A trace that changed after the report (retention, late spans, late log records) has other facts by right;
    `generated_ns` is when the report was made, None when nothing can have arrived since.
    """
    if generated_ns is not None and any(span.arrived_ns > generated_ns for span in stored.spans):
        return None
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
