"""Every dialect says the same thing in its own keys, and comes out as the same record."""

from typing import Any

import pytest

from domain.dialects_evaluations import Evaluation
from domain.normalising import NormalisedSpan, SpanError, normalise
from domain.otlp import InstrumentationScope, Resource, Span, any_value
from domain.spans import SpanKind
from tests.domain.dialect_spans import SPANS
from tests.spans import add_exception, make_span


def record(attributes: dict[str, Any], name: str = "span", span: Span | None = None) -> NormalisedSpan:
    """The record of a span with these attributes."""
    found = make_span(attributes=attributes, name=name)
    if span is not None:
        found.MergeFrom(span)
    return normalise(found, Resource(), InstrumentationScope(name="scope"))


@pytest.mark.parametrize("dialect", SPANS)
def test_a_span_of_every_dialect_says_what_it_means(dialect: str) -> None:
    """What no capture shows is written by hand after the dialect's own documentation."""
    name, attributes, expected = SPANS[dialect]
    found = record(attributes, name)

    assert {field: getattr(found, field) for field in expected} == expected


def test_structured_values_are_read_as_their_json_text_is() -> None:
    """OTLP allows maps on spans; an emitter may stop writing JSON into strings."""
    details = {"input": 100, "output": "20", "input_cached_tokens": 60.0}
    found = record({"langfuse.observation.type": "generation", "langfuse.observation.usage_details": details})

    assert (found.input_tokens, found.output_tokens, found.cache_read_tokens) == (100, 20, 60)


def test_cached_tokens_are_never_added_to_the_input() -> None:
    """Most dialects count them in already."""
    found = record({"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 60})

    assert (found.input_tokens, found.cache_read_tokens, found.total_tokens) == (100, 60, None)


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"langfuse.observation.type": "tool", "openinference.span.kind": "LLM"}, SpanKind.TOOL),
        ({"openinference.span.kind": "CHAIN", "gen_ai.operation.name": "chat"}, SpanKind.CHAIN),
        ({"gen_ai.operation.name": "execute_tool", "ai.operationId": "ai.generateText"}, SpanKind.TOOL),
        ({"ai.operationId": "ai.generateText", "gen_ai.tool.name": "t"}, SpanKind.AGENT),
        ({"gen_ai.tool.call.id": "c", "gen_ai.request.model": "m"}, SpanKind.TOOL),
        ({"gen_ai.tool.definitions": "[]", "gen_ai.request.model": "m"}, SpanKind.LLM),
        ({"inference.observation_kind": "SPAN", "openinference.span.kind": "CHAIN"}, SpanKind.CHAIN),
        ({"traceloop.span.kind": "unknown", "gen_ai.operation.name": "chat"}, SpanKind.LLM),
    ],
)
def test_of_two_kinds_the_more_explicit_one_counts(attributes: dict[str, Any], kind: SpanKind) -> None:
    """A vendor's type, OpenInference, the GenAI operation, Vercel's operation, a tool, a model."""
    assert record(attributes).kind is kind


def test_the_name_of_the_instrumentation_decides_nothing() -> None:
    """An instrumentation of LLMs also makes spans of HTTP calls and of whole runs."""
    scope = InstrumentationScope(name="openinference.instrumentation.openai")

    assert normalise(make_span(), Resource(), scope).kind is SpanKind.UNKNOWN


def test_an_agent_is_grouped_by_its_name_else_its_function_else_the_service() -> None:
    """Two emitters of one agent must not make two agents of it."""
    both = {"agent.name": "first", "gen_ai.agent.name": "second", "ai.telemetry.functionId": "third"}
    resource = Resource()
    resource.attributes.add(key="service.name").value.string_value = "desk"

    assert [record(dict(list(both.items())[at:])).agent for at in range(3)] == ["first", "second", "third"]
    assert record({"gen_ai.agent.id": "a-1"}).agent == "a-1"
    assert normalise(make_span(), resource, InstrumentationScope()).agent == "desk"


def test_a_span_names_the_dialects_it_speaks() -> None:
    """Who looks at an odd span wants to know whose it is."""
    found = record({"gen_ai.operation.name": "chat", "logfire.msg": "x", "ai.operationId": "x", "user.id": "u"})

    assert found.dialects == ("OpenTelemetry GenAI", "Vercel AI SDK")
    assert found.instrumentation == "scope"


def test_langfuse_says_failure_without_a_status() -> None:
    """Its SDKs write the level as an attribute; the status alone would call the span fine."""
    said = {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "no such order"}
    ok = Span()
    ok.status.code = ok.status.STATUS_CODE_OK

    assert record(said).error == SpanError("", "no such order")
    assert record({**said, "langfuse.observation.level": "WARNING"}).error is None
    assert record(said, span=ok).error is None


def test_an_error_has_a_type_and_a_message_wherever_they_are() -> None:
    """Status, exception event and attributes each hold a part."""
    failed = make_span(attributes={"error.type": "timeout"}, error="")
    said = normalise(failed, Resource(), InstrumentationScope()).error
    thrown = normalise(add_exception(failed, "ValueError", "boom"), Resource(), InstrumentationScope()).error

    assert said == SpanError("timeout", "")
    assert thrown == SpanError("ValueError", "boom")


def test_verdicts_of_events_and_of_attributes_are_found() -> None:
    """GenAI sends an event a verdict; OpenInference writes a list into attributes."""
    event = Span()
    result = event.events.add(name="gen_ai.evaluation.result")
    for key, value in (("name", "relevance"), ("score.value", 0.5), ("score.label", "meh"), ("explanation", "why")):
        result.attributes.add(key=f"gen_ai.evaluation.{key}").value.CopyFrom(any_value(value))
    flat = {
        "evaluations.1.evaluation.name": "tone",
        "evaluations.1.evaluation.score": -1,
        "evaluations.0.evaluation.name": "facts",
        "evaluations.0.evaluation.label": "wrong",
        "evaluations.2.evaluation.label": "nameless",
        "trace.evaluations.0.evaluation.name": "solved",
    }

    assert record(flat, span=event).evaluations == (
        Evaluation("facts", None, "wrong", None),
        Evaluation("tone", -1.0, None, None),
        Evaluation("solved", None, None, None, of="trace"),
        Evaluation("relevance", 0.5, "meh", "why"),
    )
