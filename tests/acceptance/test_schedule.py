"""A schedule's report, from its slot to a webhook that was down and to a tracing backend."""

import json
import threading
from collections.abc import Iterator
from concurrent import futures
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from domain.otlp import ExportTraceServiceRequest, ExportTraceServiceResponse, attributes
from tests.acceptance.sidecar import Sidecar, free_ports, wait_until


class Backend:
    """A second OTLP receiver: keeps the requests it got."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.server = grpc.server(futures.ThreadPoolExecutor(2))
        handler = grpc.unary_unary_rpc_method_handler(
            self._export,
            request_deserializer=ExportTraceServiceRequest.FromString,
            response_serializer=ExportTraceServiceResponse.SerializeToString,
        )
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def _export(self, request: ExportTraceServiceRequest, _: grpc.ServicerContext) -> ExportTraceServiceResponse:
        self.requests.append(request)
        return ExportTraceServiceResponse()


class Webhook:
    """A webhook receiver on a port of its own; `start` brings it up."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.port = free_ports(1)[0]

    def start(self) -> None:
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def backend() -> Iterator[Backend]:
    running = Backend()
    yield running
    running.server.stop(None).wait()


def send_failing_agent(sidecar: Sidecar) -> None:
    exporter = OTLPSpanExporter(endpoint=sidecar.grpc_endpoint, insecure=True)
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for number in range(6):
        run = {"openinference.span.kind": "AGENT", "agent.name": "clerk"}
        call = {"openinference.span.kind": "TOOL", "tool.name": "refund", "input.value": '{"order": 1}'}
        with (
            tracer.start_as_current_span("run", attributes=run),
            pytest.raises(ValueError, match="no such order"),
            tracer.start_as_current_span("refund", attributes=call),
        ):
            raise ValueError(f"no such order {number}")
    provider.shutdown()


def test_a_schedule_fires_once_and_its_report_reaches_a_webhook_that_was_down_and_a_backend(
    tmp_path: Path, backend: Backend
) -> None:
    """Reports that get lost while a receiver restarts would be trusted by nobody."""
    hook = Webhook()
    settings = {
        "store.traces.quiet": "1s",
        "exporters": {
            "file": {},
            "webhook": {"url": f"http://127.0.0.1:{hook.port}/"},
            "otlp": {"endpoint": f"http://127.0.0.1:{backend.port}", "protocol": "grpc"},
        },
        "delivery.initial_backoff": "200ms",
        "delivery.max_backoff": "1s",
    }
    with Sidecar(tmp_path / "data", settings) as sidecar:
        send_failing_agent(sidecar)
        agent = wait_until(lambda: [a for a in sidecar.items("/api/v1/agents") if a["name"] == "clerk"])[0]
        slot = datetime.now(UTC) + timedelta(minutes=1)
        words = ["schedule", "create", "--title", "soon", "--agent-uuid", agent["uuid"], "--frequency", "hourly"]
        made = sidecar.halo(*words, "--minutes", str(slot.minute), "--json")
        assert made.returncode == 0, made.stderr
        schedule = json.loads(made.stdout)

        def runs() -> list[dict[str, Any]]:
            return sidecar.items(f"/api/v1/schedules/{schedule['id']}/runs")

        wait_until(lambda: any(run["status"] == "completed" for run in runs()), 90)
        wait_until(lambda: backend.requests, 30)
        assert hook.bodies == []
        hook.start()
        wait_until(lambda: hook.bodies, 30)
        fired = runs()

    assert [run["status"] for run in fired] == ["completed"]
    assert datetime.fromisoformat(fired[0]["scheduled_for"]) == slot.replace(second=0, microsecond=0)
    report = hook.bodies[0]["report"]
    assert len(hook.bodies) == 1
    assert report["run_id"] == fired[0]["id"]
    assert json.loads((tmp_path / f"data/reports/{agent['uuid']}/latest.json").read_text()) == report
    assert len(backend.requests) == 1
    spans = [s for rs in backend.requests[0].resource_spans for ss in rs.scope_spans for s in ss.spans]
    assert attributes(backend.requests[0].resource_spans[0].resource)["service.name"] == "halo-sidecar"
    assert [span.name for span in spans].count("halo.run") == 1
    linked = {(link.trace_id.hex(), link.span_id.hex()) for s in spans if s.name == "halo.finding" for link in s.links}
    cited = {(e["trace_id"], e["span_id"]) for finding in report["findings"] for e in finding["evidence"]}
    assert cited
    assert cited <= linked
    hook.server.shutdown()
    hook.server.server_close()
