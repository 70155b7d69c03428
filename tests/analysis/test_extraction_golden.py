"""Facts of real traces, against numbers that were counted by other means."""

from collections import Counter
from pathlib import Path

import pytest

from analysis.extraction import trace_facts
from analysis.facts import FactWindow, SpanFact
from domain.spans import SpanKind, SpanStatus
from tests.analysis.stored import file_window, stored_spans, stored_traces


@pytest.fixture
def trail(shared_data: Path) -> FactWindow:
    """74 traces of research and coding agents."""
    return file_window(shared_data / "traces" / "trail-dev.jsonl.xz")


@pytest.fixture
def medium(shared_data: Path) -> FactWindow:
    """500 traces without content, ids that are no OTLP ids, over several services."""
    return file_window(shared_data / "traces" / "halo" / "medium_traces.jsonl.gz")


def _captured(shared_data: Path, case: str) -> list[SpanFact]:
    bodies = sorted((shared_data / "otlp" / "captured").glob(f"{case}.traces.*.bin"))
    spans = [span for body in bodies for span in stored_spans(body.read_bytes())]
    return [fact for trace in stored_traces(spans) for fact in trace_facts(trace).spans]


def test_errors_and_tokens_are_counted_once(trail: FactWindow) -> None:
    """207 ERROR spans are 116 failures, and wrappers repeat nearly half of all tokens."""
    spans = list(trail.spans())

    assert len(spans) == 2_024
    assert sum(span.status is SpanStatus.ERROR for span in spans) == 207
    assert sum(span.leaf_error for span in spans) == 116
    assert sum(span.input_tokens or 0 for span in spans if span.leaf_llm) == 6_225_039
    assert sum(span.input_tokens or 0 for span in spans) == 11_165_054


def test_page_down_fails_with_any_argument_and_works_with_none(trail: FactWindow) -> None:
    """The split by argument keys is what tells a person the cause."""
    calls = [span for span in trail.tool_calls if span.tool == "page_down"]
    split = Counter((span.argument_keys, span.arguments_problem, span.status) for span in calls)

    assert split == {
        ('[""]', 'unexpected: ""', SpanStatus.ERROR): 45,
        ('["page_down"]', "unexpected: page_down", SpanStatus.ERROR): 11,
        ('["arguments"]', "unexpected: arguments", SpanStatus.ERROR): 7,
        ("[]", "", SpanStatus.OK): 1,
    }
    assert len({span.trace_id for span in calls if span.status is SpanStatus.ERROR}) == 13
    assert {span.error_type for span in calls} == {"TypeError", ""}


def test_every_tool_call_has_the_issuer_that_asked_for_it(trail: FactWindow) -> None:
    """TOOL spans of this framework carry no call id: scope, step and time must find the call."""
    issuers = [trail.by_ref[span.trace_id, span.issuer_id] for span in trail.tool_calls]
    structured = [(span, one) for span, one in zip(trail.tool_calls, issuers, strict=True) if one.requested]

    assert (len(issuers), len(structured)) == (269, 190)
    assert all(
        any(call.tool == span.tool and call.arguments_hash == span.arguments_hash for call in one.requested)
        for span, one in structured
    )


def test_plans_of_real_agents_are_found(trail: FactWindow) -> None:
    """A plan that names a managed agent or a tool of its own agent; facts surveys and answers are none."""
    plans = [span for span in trail.spans() if span.plan_tools]

    assert len(plans) == 79
    assert Counter(name for span in plans for name in span.plan_tools)["search_agent"] == 37
    assert not any("final_answer" in span.plan_tools or span.requested for span in plans)


def test_content_is_known_where_it_was_recorded(trail: FactWindow) -> None:
    """852 of 855 LLM spans have an answer; 216 of those are calls without a word."""
    answers = Counter((span.output_chars is None, bool(span.output_chars)) for span in trail.llm_calls)

    assert answers == {(False, True): 636, (False, False): 216, (True, False): 3}
    assert sum(len(span.requested) for span in trail.llm_calls) == 216
    assert Counter(span.max_tokens for span in trail.llm_calls)[8192] == 677


def test_four_services_are_the_agents_of_the_traces(trail: FactWindow) -> None:
    """Their AGENT spans carry no name, so the service stands for it; the managed agent has its own."""
    assert len({trace.agent_uuid for trace in trail.traces}) == 4
    assert {span.agent for span in trail.spans()} == {trace.agent for trace in trail.traces} | {"search_agent"}


def test_failures_without_content_are_told_apart_by_template(medium: FactWindow) -> None:
    """43 and 86 leaf errors; where nothing is recorded, nothing is claimed."""
    spans = list(medium.spans())

    assert Counter(span.error_template for span in spans if span.leaf_error) == {"boom": 43, "rate limited": 86}
    assert {(span.output_chars, span.requested, span.declared_tools, span.finish) for span in spans} == {
        (None, (), None, "")
    }


def test_an_openinference_capture_is_read_whole(shared_data: Path) -> None:
    """The stock instrumentation of the openai client, as it is on the wire."""
    (call,) = _captured(shared_data, "openinference-openai")

    assert (call.kind, call.model, call.provider) == (SpanKind.LLM, "gpt-4o-mini-2024-07-18", "openai")
    assert (call.input_tokens, call.output_tokens, call.finish) == (57, 17, "tool_calls")
    assert [(one.call_id, one.tool, one.problem, one.declared) for one in call.requested] == [
        ("call_abc123", "get_weather", "", True)
    ]


def test_an_agent_framework_capture_is_related(shared_data: Path) -> None:
    """openai-agents: the tool span has no call id, the next call answers it."""
    spans = {(span.name, span.start_ns): span for span in _captured(shared_data, "openinference-openai-agents")}
    first, second = (span for span in spans.values() if span.kind is SpanKind.LLM)
    (done,) = (span for span in spans.values() if span.kind is SpanKind.TOOL)

    assert (done.tool, done.issuer_id, done.argument_keys) == ("get_weather", first.span_id, '["city"]')
    assert (done.arguments_problem, done.result_chars, done.agent) == ("", 12, "weather_agent")
    assert (first.requested[0].arguments_hash, second.answered_calls) == (done.arguments_hash, ("call_abc123",))


def test_an_openllmetry_capture_is_read_whole(shared_data: Path) -> None:
    """The current GenAI attributes with messages as JSON text."""
    (call,) = _captured(shared_data, "openllmetry-openai")

    assert (call.kind, call.model, call.input_tokens) == (SpanKind.LLM, "gpt-4o-mini-2024-07-18", 57)
    assert (call.finish, call.declared_tools, call.output_chars) == ("tool_calls", ("get_weather",), 0)
    assert [one.tool for one in call.requested] == ["get_weather"]


def test_a_pydantic_ai_capture_is_related(shared_data: Path) -> None:
    """Call ids on both sides, arguments and result on the tool span."""
    agent, first, done, second = _captured(shared_data, "pydantic-ai")

    assert [span.kind for span in (agent, first, done, second)] == [
        SpanKind.AGENT,
        SpanKind.LLM,
        SpanKind.TOOL,
        SpanKind.LLM,
    ]
    assert (done.tool, done.call_id) == ("get_weather", first.requested[0].call_id)
    assert (done.issuer_id, done.arguments_hash) == (first.span_id, first.requested[0].arguments_hash)
    assert (second.answered_calls, second.output_chars, agent.output_chars) == ((done.call_id,), 12, 12)
    assert {span.agent for span in (agent, first, done, second)} == {"weather_agent"}


@pytest.mark.parametrize("case", ["py-grpc", "py-http-proto", "js-grpc", "js-http-proto"])
def test_spans_of_no_agent_are_facts_too(shared_data: Path, case: str) -> None:
    """A window holds whatever the exporter sends."""
    spans = _captured(shared_data, case)

    assert {span.kind for span in spans} == {SpanKind.UNKNOWN}
    assert {span.error_type for span in spans if span.leaf_error} <= {"ValueError", "Error"}


def test_coding_agents_calls_are_joined_by_id(shared_data: Path) -> None:
    """2,029 calls with ids; every one finds the model call that asked for it."""
    window = file_window(shared_data / "traces" / "claude_code_c4.spans.jsonl.gz")
    joined = [
        any(call.call_id == span.call_id for call in window.by_ref[span.trace_id, span.issuer_id].requested)
        for span in window.tool_calls
    ]

    assert (len(joined), all(joined)) == (2_029, True)
