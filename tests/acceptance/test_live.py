"""An agent that starts to fail: seen live, and analysed without anybody asking."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode, Tracer, set_span_in_context

from tests.acceptance.sidecar import Sidecar, wait_until

SECOND_NS = 10**9
AGENT = {"openinference.span.kind": "AGENT", "agent.name": "clerk"}
TOOL = {"openinference.span.kind": "TOOL", "tool.name": "lookup", "input.value": '{"order": 1}'}


@contextmanager
def stock_tracer(sidecar: Sidecar) -> Iterator[Tracer]:
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sidecar.grpc_endpoint, insecure=True)))
    yield provider.get_tracer("test")
    provider.shutdown()


def work(tracer: Tracer, end_ns: int, *, failing: bool) -> None:
    """One trace of the agent that ends at a time: a run of two seconds, with one call of a tool."""
    root = tracer.start_span("run", attributes=AGENT, start_time=end_ns - 2 * SECOND_NS)
    call = tracer.start_span("lookup", set_span_in_context(root), attributes=TOOL, start_time=end_ns - SECOND_NS)
    if failing:
        call.set_status(Status(StatusCode.ERROR, "order service answered 503"))
    call.end(end_ns - SECOND_NS // 2)
    root.end(end_ns)


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    triggers = {"interval": "200ms", "lookback": "2h", "kinds": ["error_burst"]}
    told = {f"analysis.triggers.{name}": value for name, value in triggers.items()}
    settings = {"store.traces.quiet": "100ms", **told}
    with Sidecar(tmp_path / "data", settings) as running:
        yield running


def test_an_error_burst_leads_to_a_report_that_nobody_asked_for(sidecar: Sidecar) -> None:
    """An incident at night has been analysed when somebody looks, and is analysed once."""
    now_ns = time.time_ns()
    with stock_tracer(sidecar) as tracer:
        for number in range(80):
            work(tracer, now_ns - (1_200 + 20 * number) * SECOND_NS, failing=False)
    agent = wait_until(lambda: sidecar.items("/api/v1/agents"))[0]
    path = f"/api/v1/agents/{agent['uuid']}"
    healthy = wait_until(lambda: (found := sidecar.get(path)["health"])["traces"] == 80 and found)
    runs_before = sidecar.items("/api/v1/runs")
    with stock_tracer(sidecar) as tracer:
        for number in range(20):
            work(tracer, now_ns - number * SECOND_NS, failing=number % 2 == 0)
    run = wait_until(lambda: next((run for run in sidecar.items("/api/v1/runs") if run["report_id"]), None), 60)
    failing = sidecar.get(path)["health"]
    report = sidecar.get(f"/api/v1/reports/{run['report_id']}")
    events = sidecar.items(f"/api/v1/runs/{run['id']}/events")

    assert (healthy["alarms"], runs_before) == ([], [])
    assert (run["origin"], run["status"], run["trigger"]["kind"]) == ("triggered", "completed", "error_burst")
    assert {alarm["kind"] for alarm in failing["alarms"]} == {"error_burst", "new_error_signature"}
    assert report["coverage"]["traces"] == 100
    assert any("lookup" in finding["title"] for finding in report["findings"])
    assert [event["type"] for event in events][:2] == ["queued", "triggered"]
    assert len(sidecar.items("/api/v1/runs")) == 1
    told = sidecar.halo("run", "get", run["id"]).stdout
    assert "triggered" in told and "error burst: " in told


def test_what_was_counted_survives_a_kill(sidecar: Sidecar) -> None:
    """A pod that is killed must not make the last hour look as if nothing had happened, nor count it twice."""
    now_ns = time.time_ns()
    with stock_tracer(sidecar) as tracer:
        for number in range(10):
            work(tracer, now_ns - number * SECOND_NS, failing=False)
    sidecar.kill()
    sidecar.start()
    agent = wait_until(lambda: sidecar.items("/api/v1/agents"))[0]
    path = f"/api/v1/agents/{agent['uuid']}"
    health = wait_until(lambda: (found := sidecar.get(path)["health"])["traces"] >= 10 and found)

    assert (health["traces"], health["spans"], health["tool_calls"]) == (10, 20, 10)
