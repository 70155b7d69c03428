"""A detector looks only where something was recorded, and a user is told which attribute is missing."""

from pathlib import Path

import pytest

from analysis.extraction import trace_facts
from analysis.facts import FactWindow
from analysis.looking import shipped_detectors
from analysis.observability import FIELDS, Share, missing, shares
from domain.otlp import Span
from tests.analysis.stored import file_window, one_trace
from tests.spans import make_span


def window(*spans: Span) -> FactWindow:
    """A window of one trace."""
    return FactWindow.of([trace_facts(one_trace(*spans))])


def test_traces_without_content_say_what_to_record(shared_data: Path) -> None:
    """On these, "empty output" would fire on every one of 500 calls; the gate names the attributes instead."""
    path = shared_data / "traces" / "halo" / "medium_traces.jsonl.gz"
    found = file_window(path)

    assert missing(found, ("llm_output",)) == ("llm.output_messages.N.message.content | gen_ai.output.messages",)
    assert missing(found, ("tool_schemas", "input_tokens", "status")) == (FIELDS["tool_schemas"].attributes,)


def test_traces_with_content_let_every_detector_look(shared_data: Path) -> None:
    """Real traces of an instrumented agent lack ids, finish reasons, counters and what tells runs apart."""
    path = shared_data / "traces" / "trail-dev.jsonl.xz"
    found = file_window(path)

    lacking = ("tool_call_ids", "finish", "cached_tokens", "cost", "session", "versions", "verdicts")
    assert missing(found, tuple(FIELDS)) == tuple(FIELDS[name].attributes for name in lacking)


def test_an_empty_answer_is_recorded_content() -> None:
    """The gate must not close on the very failure that the detector looks for."""
    found = window(make_span(1, {"openinference.span.kind": "LLM", "output.value": ""}))

    assert missing(found, ("llm_output",)) == ()


def test_a_field_that_concerns_no_span_stands_in_nobodys_way() -> None:
    """An agent without tools does not lack tool arguments."""
    found = window(make_span(1, {"openinference.span.kind": "CHAIN"}))

    assert shares(found)["tool_arguments"] == Share(0, 0)
    assert missing(found, ("tool", "tool_arguments", "llm_output")) == ()


def test_calls_that_are_asked_for_but_never_seen_mean_that_tools_are_not_traced() -> None:
    """Then nothing can be said of tools, which is worth saying."""
    call = "llm.output_messages.0.message.tool_calls.0.tool_call.function.name"
    asking = window(make_span(1, {"openinference.span.kind": "LLM", call: "search"}))

    assert missing(asking, ("tool",)) == (FIELDS["tool"].attributes,)


@pytest.mark.parametrize(
    ("recorded", "concerned", "enough"), [(0, 0, True), (0, 5, False), (1, 100, True), (1, 101, False), (5, 5, True)]
)
def test_a_hundredth_is_enough(recorded: int, concerned: int, enough: bool) -> None:
    """Below that a field is there by accident, and what it says is no sample of the window."""
    assert Share(recorded, concerned).is_enough is enough


def test_an_unknown_field_is_a_mistake_of_the_detector() -> None:
    """Silently it would be observable for ever."""
    with pytest.raises(ValueError, match="unknown field 'odd'; use one of: status"):
        missing(FactWindow(), ("odd",))


def test_every_shipped_detector_requires_fields_that_exist() -> None:
    """A renamed field must not leave a detector behind."""
    for detector in shipped_detectors().values():
        for need in detector.requires:
            assert missing(FactWindow(), tuple(need.split("|"))) == ()
