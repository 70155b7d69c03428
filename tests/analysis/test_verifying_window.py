"""With the window at hand, frozen facts have to follow from its bytes, those of uncited spans too."""

from dataclasses import replace

from analysis.extraction import trace_facts
from analysis.facts import TraceFacts
from analysis.verifying_window import rederived_lines
from domain.spans import StoredTrace
from tests.analysis.stored import one_trace
from tests.spans import make_span


def frozen_and_stored() -> tuple[TraceFacts, StoredTrace]:
    stored = one_trace(make_span(1), make_span(2, parent=1), make_span(3, parent=1))
    return trace_facts(stored), stored


def test_a_forged_fact_of_a_span_that_nobody_cites_is_named() -> None:
    """Report and evidence forged together would agree with each other; the window's bytes would not."""
    frozen, stored = frozen_and_stored()
    forged = replace(frozen, spans=(*frozen.spans[:-1], replace(frozen.spans[-1], output_tokens=77)))

    assert list(rederived_lines(frozen, stored) or ()) == []
    lines = list(rederived_lines(forged, stored) or ())
    assert len(lines) == 1
    assert lines[0].startswith(f"facts[{frozen.trace_id}/{frozen.spans[-1].span_id}].output_tokens: ")


def test_a_trace_that_lost_spans_since_is_not_comparable() -> None:
    """Retention and late spans change facts by right; calling that a forgery would be wrong."""
    frozen, stored = frozen_and_stored()

    assert rederived_lines(frozen, replace(stored, spans=stored.spans[:-1])) is None


def test_a_trace_to_which_something_came_after_the_report_is_not_comparable() -> None:
    """A log record that joins its span late changes what that span says, and forges nothing."""
    frozen, stored = frozen_and_stored()
    spans = (*stored.spans[:-1], replace(stored.spans[-1], arrived_ns=1_000))
    late = replace(stored, spans=spans)

    assert rederived_lines(frozen, late, 999) is None
    assert list(rederived_lines(frozen, late, 1_000) or ()) == []
