"""Spans of the engine's own work: nested as the work is, understood by HALO itself, and never in its way."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path

import pytest

from domain.component import load_component
from domain.errors import ConfigError
from domain.otlp import ExportTraceServiceRequest, Span, attributes
from engine.llm.model import ModelAnswer, ModelCall, ModelUsage, OnText, ToolSpec
from engine.model_config import ModelConfig
from engine.models.messages import AgentMessage, AgentToolCall, AgentToolFunction
from engine.tracing.destination import DEFAULT_ENDPOINT, destination, traced
from engine.tracing.tracer import TracedModel, Tracer, agent_span, tool_span, tracing
from store.base import Selection
from store.loading import LoadReport, read_requests

CALL = AgentToolCall(id="c-1", function=AgentToolFunction(name="query_traces", arguments='{"limit": 3}'))
ASKED = ModelCall(
    config=ModelConfig(name="gpt-x", temperature=0.5, maximum_output_tokens=100),
    messages=[
        AgentMessage(role="system", content="be brief"),
        AgentMessage(role="user", content="why?"),
        AgentMessage(role="assistant", tool_calls=[CALL]),
        AgentMessage(role="tool", content='{"result": []}', tool_call_id="c-1", name="query_traces"),
    ],
    tools=[ToolSpec("query_traces", "Lists traces.", {"type": "object"})],
)
ANSWER = ModelAnswer("i-1", "because", (CALL,), usage=ModelUsage(1, 100, 20, 40, 5), model="gpt-x-2026")


class Answering:
    """A model that answers, or fails when it is given an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def answer(self, call: ModelCall, on_text: OnText | None = None) -> ModelAnswer:
        """Always the same."""
        if self.error is not None:
            raise self.error
        return ANSWER


def tracer(spans: list[Span]) -> Tracer:
    """A tracer with a clock that ticks and ids that count."""
    ticks, numbers = count(1_000_000_000, 1_000_000), count(1)
    return Tracer("run-1", spans.append, lambda: next(ticks), lambda size: next(numbers).to_bytes(size, "big"))


async def a_run(model: TracedModel) -> None:
    """A root that asks, calls a tool that sets a subagent to work, and a tool that fails."""
    with agent_span("root", "a-0", "why?"):
        await model.answer(ASKED)
        with tool_span("call_subagent", "c-1", "{}"):

            async def below() -> None:
                with agent_span("sub", "a-1", "look"):
                    await model.answer(ASKED)

            await asyncio.create_task(below())
        with tool_span("view_trace", "c-2", "{}") as noted:
            noted.fail("no such trace")


async def test_spans_are_nested_as_the_work_is() -> None:
    """A waterfall of a run has to show who waited for whom."""
    spans: list[Span] = []
    with tracing(tracer(spans)):
        await a_run(TracedModel(Answering(), lambda model, usage: 0.25))

    by_id = {span.span_id: span for span in spans}
    parents = [(span.name, by_id[span.parent_span_id].name if span.parent_span_id else "") for span in spans]
    assert parents == [
        ("chat gpt-x", "invoke_agent root"),
        ("chat gpt-x", "invoke_agent sub"),
        ("invoke_agent sub", "execute_tool call_subagent"),
        ("execute_tool call_subagent", "invoke_agent root"),
        ("execute_tool view_trace", "invoke_agent root"),
        ("invoke_agent root", ""),
    ]
    assert len({span.trace_id for span in spans}) == 1
    assert spans[4].status.message == "no such trace"
    assert all(span.end_time_unix_nano > span.start_time_unix_nano for span in spans)


async def test_a_model_call_says_what_was_asked_answered_and_paid_in_both_conventions() -> None:
    """Backends read one or the other."""
    spans: list[Span] = []
    with tracing(tracer(spans)):
        await TracedModel(Answering(), lambda model, usage: 0.25).answer(ASKED)

    said = attributes(spans[0])
    assert said["gen_ai.usage.input_tokens"] == said["llm.token_count.prompt"] == 100
    assert said["llm.token_count.completion_details.reasoning"] == 5
    assert said["llm.cost.total"] == 0.25
    assert said["llm.input_messages.1.message.content"] == "why?"
    assert said["llm.input_messages.2.message.tool_calls.0.tool_call.function.name"] == "query_traces"
    assert [message["role"] for message in json.loads(str(said["gen_ai.input.messages"]))] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    assert said["gen_ai.response.model"] == "gpt-x-2026"


async def test_an_unknown_price_and_a_failure_are_told_as_such() -> None:
    """No cost is not a cost of nothing."""
    spans: list[Span] = []
    with tracing(tracer(spans)):
        await TracedModel(Answering(), lambda model, usage: None).answer(ASKED)
        with pytest.raises(ValueError, match="no"):
            await TracedModel(Answering(ValueError("no")), lambda model, usage: None).answer(ASKED)

    assert "llm.cost.total" not in attributes(spans[0])
    assert (spans[1].status.code, spans[1].status.message) == (2, "ValueError: no")


async def test_without_a_tracer_nothing_is_done() -> None:
    """It is off unless it is asked for."""
    with agent_span("root", "a-0", "why?") as noted:
        noted.add({"a": 1})
        noted.fail("x")
        assert await TracedModel(Answering(), lambda model, usage: None).answer(ASKED) is ANSWER
    assert noted.span is None


async def test_a_local_file_is_a_trace_file_that_halo_understands(tmp_path: Path) -> None:
    """HALO's own agents can be analysed like any others."""
    path = tmp_path / "own.jsonl"
    told: list[str] = []
    with traced(
        told.append, {"HALO_TELEMETRY_PATH": str(path), "HALO_TRACING_RUN_ID": "r.1", "HALO_TRACING_ENV": "ci"}
    ):
        await a_run(TracedModel(Answering(), lambda model, usage: 0.25))

    backend = load_component("store.backends", "sqlite")
    report = LoadReport()
    with backend.load_window(read_requests([path], report), tmp_path / "window") as reader:
        trace = next(reader.read(reader.keys(Selection(0, 2**63 - 1))))
    assert told == [f"telemetry: traces of this run are in {path}"]
    assert report.bad_lines == 0
    assert (trace.summary.agent_name, trace.summary.service) == ("root", "halo-engine")
    assert (trace.summary.llm_spans, trace.summary.tool_spans, trace.summary.error_spans) == (2, 2, 1)
    assert (trace.summary.input_tokens, trace.summary.output_tokens) == (200, 40)
    assert trace.summary.session == "r.1"
    assert attributes(trace.spans[0].resource)["halo.env"] == "ci"


class Endpoint(HTTPServer):
    """An OTLP endpoint that refuses some requests first and keeps what it accepts."""

    def __init__(self, *refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusals = list(refusals)
        self.accepted: list[tuple[str, dict[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        """Refuse or keep."""
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.server.refusals.pop(0) if self.server.refusals else 200
        if status == 200:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.accepted.append((self.path, headers, body))
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.mark.parametrize(("refusals", "arrives"), [((), True), ((503, 429), True), ((401,), False)])
async def test_spans_reach_an_endpoint_and_a_passing_refusal_is_tried_again(
    refusals: tuple[int, ...], arrives: bool
) -> None:
    """What cannot be brought there is told where the environment asks, and never fails the run."""
    told: list[str] = []
    with Endpoint(*refusals) as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, args=(0.01,))
        thread.start()
        try:
            environment = {
                "CATALYST_OTLP_TOKEN": "secret",
                "CATALYST_OTLP_ENDPOINT": f"http://127.0.0.1:{endpoint.server_port}",
                "CATALYST_DEBUG": "1",
            }
            with traced(told.append, environment):
                await a_run(TracedModel(Answering(), lambda model, usage: None))
        finally:
            endpoint.shutdown()
            thread.join()

    spans = [
        span.name
        for _, _, body in endpoint.accepted
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert (len(spans) == 6) is arrives
    if arrives:
        path, headers, _ = endpoint.accepted[0]
        assert (path, headers["authorization"]) == ("/v1/traces", "Bearer secret")
        assert told == []
    else:
        assert told and all("401" in line and "secret" not in line for line in told)


def test_the_environment_says_where_spans_go(tmp_path: Path) -> None:
    """Older names, newer names, and OpenTelemetry's own."""
    token = {"INFERENCE_API_KEY": "k"}
    assert destination(token).endpoint == f"{DEFAULT_ENDPOINT}/v1/traces"
    assert destination(token | {"INFERENCE_OTLP_ENDPOINT": "http://x/"}).endpoint == "http://x/v1/traces"
    own = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://y:4318", "OTEL_EXPORTER_OTLP_HEADERS": "a=b, c=d"}
    assert destination(own).endpoint == "http://y:4318/v1/traces"
    assert destination(own).headers == {"a": "b", "c": "d"}
    local = destination({"CATALYST_TRACING_RUN_ID": "r-7", "CATALYST_TRACING_TEAM": "core"}, directory=tmp_path)
    assert local.path == tmp_path / "halo-telemetry-r-7.jsonl"
    assert local.resource["halo.team"] == "core"
    with pytest.raises(ConfigError, match="no run id"):
        destination({"HALO_TRACING_RUN_ID": "a b"})
