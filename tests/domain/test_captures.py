"""What real clients sent, span by span: kind, model, tokens, tool, agent and session, in our own words."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.normalising import NormalisedSpan, normalise
from domain.otlp import ExportTraceServiceRequest, InstrumentationScope, Resource
from domain.otlp_json import decode
from domain.signals import TRACES
from domain.spans import SpanKind
from tests.spans import make_span

_CALL = "gpt-4o-mini-2024-07-18, 57 in (32 cached), 17 out (4 reasoning)"
_VERCEL_CALL = "LLM ai.generateText.doGenerate: weather_agent, mock-model, 57 in (32 cached), 17 out (4 reasoning)"
_CONVERSATION = "session 01a1fab9-0eb6-714c-90ef-e735da929e8a"

CAPTURES: dict[str, list[str]] = {
    "js-grpc": ["UNKNOWN root: failed with Error: bad"],
    "js-http-json": ["UNKNOWN root: failed with Error: bad"],
    "js-http-json-gzip": ["UNKNOWN root: failed with Error: bad"],
    "js-http-proto": ["UNKNOWN root: failed with Error: bad"],
    "py-grpc": ["UNKNOWN root"],
    "py-grpc-gzip": ["UNKNOWN root"],
    "py-http-proto": ["UNKNOWN child: failed with ValueError: ValueError: boom", "UNKNOWN root"],
    "py-http-proto-gzip": ["UNKNOWN child: failed with ValueError: ValueError: boom", "UNKNOWN root"],
    "openinference-openai": [f"LLM ChatCompletion: {_CALL}"],
    "openinference-openai-agents": [
        f"LLM response: {_CALL}",
        "TOOL get_weather: tool get_weather",
        "CHAIN turn",
        f"LLM response: {_CALL}",
        "CHAIN turn",
        "AGENT weather_agent: weather_agent",
        "CHAIN Agent workflow",
        "AGENT Agent workflow",
    ],
    "openllmetry-openai": [f"LLM openai.chat: {_CALL}"],
    "pydantic-ai": [
        f"LLM chat test: weather_agent, {_CONVERSATION}, test, 59 in, 5 out",
        f"TOOL execute_tool get_weather: weather_agent, {_CONVERSATION}, tool get_weather"
        " (pyd_ai_tool_call_id__get_weather)",
        f"LLM chat test: weather_agent, {_CONVERSATION}, test, 62 in, 9 out",
        f"AGENT invoke_agent weather_agent: weather_agent, {_CONVERSATION}, test, 121 in, 14 out",
    ],
    "vercel-ai-legacy": [
        "TOOL ai.toolCall: weather_agent, tool get_weather (call_abc123)",
        _VERCEL_CALL,
        _VERCEL_CALL,
        "AGENT ai.generateText: weather_agent, mock-model, 114 in (64 cached), 34 out (8 reasoning)",
    ],
}


def captured(directory: Path, name: str) -> Iterator[ExportTraceServiceRequest]:
    """The requests of one client, as they were on the wire."""
    for path in sorted(directory.glob(f"{name}.traces.*")):
        if path.suffix == ".bin":
            yield ExportTraceServiceRequest.FromString(path.read_bytes())
        elif path.suffixes[-2:] not in ([".decoded", ".json"], [".meta", ".json"]):
            yield decode(path.read_bytes(), TRACES)


def normalised(request: ExportTraceServiceRequest) -> Iterator[tuple[str, NormalisedSpan]]:
    """Every span's name and record."""
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield span.name, normalise(span, of_resource.resource, of_scope.scope)


def sentence(name: str, found: NormalisedSpan) -> str:
    """A record in one line; what it does not say is left out."""
    parts = [found.agent_name, found.session and f"session {found.session}", found.model]
    cached = f" ({found.cache_read_tokens} cached)" if found.cache_read_tokens else ""
    reasoning = f" ({found.reasoning_tokens} reasoning)" if found.reasoning_tokens else ""
    parts += [None if found.input_tokens is None else f"{found.input_tokens} in{cached}"]
    parts += [None if found.output_tokens is None else f"{found.output_tokens} out{reasoning}"]
    call = f" ({found.tool_call_id})" if found.tool_call_id else ""
    parts += [found.tool and f"tool {found.tool}{call}"]
    parts += [found.error and f"failed with {found.error.type}: {found.error.message}"]
    said = ", ".join(part for part in parts if part)
    return f"{found.kind.name} {name}: {said}" if said else f"{found.kind.name} {name}"


@pytest.mark.parametrize("client", CAPTURES)
def test_a_real_client_is_understood(client: str, shared_data: Path) -> None:
    """These are the emitters people have; the table of conventions is only right if it reads them."""
    requests = captured(shared_data / "otlp" / "captured", client)
    found = [sentence(name, span) for request in requests for name, span in normalised(request)]

    assert found == CAPTURES[client]


def test_every_capture_is_in_the_table(shared_data: Path) -> None:
    """A capture that nobody looks at proves nothing."""
    names = {path.name.partition(".")[0] for path in (shared_data / "otlp" / "captured").iterdir()}

    assert names == set(CAPTURES)


def test_the_tokens_of_a_wrapper_are_not_counted_again(shared_data: Path) -> None:
    """Vercel's outer span repeats the sum of the calls below it, pydantic-ai's agent too."""
    for client, sums in (("vercel-ai-legacy", (114, 34)), ("pydantic-ai", (121, 14))):
        requests = captured(shared_data / "otlp" / "captured", client)
        spans = [span for request in requests for _, span in normalised(request)]
        calls = [span for span in spans if span.kind is SpanKind.LLM]
        wrapper = next(span for span in spans if span.kind is SpanKind.AGENT)

        assert (sum(call.input_tokens or 0 for call in calls), sum(call.output_tokens or 0 for call in calls)) == sums
        assert (wrapper.input_tokens, wrapper.output_tokens) == sums


def test_one_call_in_three_dialects_is_one_record(shared_data: Path) -> None:
    """The same call as OpenInference, as current GenAI and as deprecated GenAI recorded it."""
    directory = shared_data / "otlp" / "openinference-genai"
    names = ("openinference_client_span_tool_calls", "otel_genai_client_span_tool_calls")
    names += ("otel_genai_deprecated_client_span_tool_calls", "openinference_client_span_input_output_only")
    found = {sentence(name, fixture(directory / f"{name}.json")).partition(":")[2] for name in names}
    asked = {fixture(directory / f"{name}.json").request_model for name in names}
    answered = {fixture(directory / f"{name}.json").response_model for name in names}
    kinds = {fixture(directory / f"{name}.json").kind for name in names}

    assert found == {" gpt-4-0613, 97 in, 52 out"}
    assert (asked, answered, kinds) == ({"gpt-4"}, {"gpt-4-0613"}, {SpanKind.LLM})
    assert {fixture(directory / f"{name}.json").provider for name in names} == {"openai"}


def test_a_tool_execution_of_genai_is_a_tool(shared_data: Path) -> None:
    """Its name and call id tie it to the call that asked for it."""
    found = fixture(shared_data / "otlp" / "openinference-genai" / "otel_genai_tool_execution_span.json")

    assert sentence("s", found) == "TOOL s: tool get_weather (1234)"


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("ai.generateText", "AGENT gpt-4o-mini 14 20"),
        ("ai.generateText.doGenerate", "LLM gpt-4o-mini-2024-07-18 14 20"),
        ("ai.generateObject", "AGENT gpt-4o-mini 63 156"),
        ("ai.generateObject.doGenerate", "LLM gpt-4o-mini-2024-07-18 63 156"),
        ("ai.streamText", "AGENT gpt-4o-mini 15 112"),
        ("ai.streamText.doStream", "LLM gpt-4o-mini-2024-07-18 15 112"),
        ("ai.embed", "CHAIN text-embedding-3-small 10 None"),
        ("ai.embed.doEmbed", "EMBEDDING text-embedding-3-small 10 None"),
    ],
)
def test_every_operation_of_vercel_6_has_its_kind(operation: str, expected: str, shared_data: Path) -> None:
    """Only the inner calls are LLM: the outer operations repeat their tokens."""
    document = json.loads((shared_data / "otlp" / "openinference-vercel-v6" / "spans-by-operation.json").read_text())
    found = record(document[operation][0]["attributes"])

    assert f"{found.kind.name} {found.model} {found.input_tokens} {found.output_tokens}" == expected
    assert (found.agent_name or "").startswith("test-")


def fixture(path: Path) -> NormalisedSpan:
    """The record of a span whose attributes a file holds."""
    return record(json.loads(path.read_text()))


def record(attributes: dict[str, Any]) -> NormalisedSpan:
    """The record of a span with these attributes."""
    return normalise(make_span(attributes=attributes), Resource(), InstrumentationScope())
