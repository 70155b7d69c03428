"""Stock exporters of two languages, each exporting to a running sidecar and found again complete."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from tests.acceptance.sidecar import Sidecar

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
TURNS = 40
PYTHON = ("grpc none", "grpc gzip", "http none", "http gzip", "http deflate")
JAVASCRIPT = ("http-json none", "http-json gzip", "http-protobuf none", "http-protobuf gzip", "grpc none", "grpc gzip")


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with Sidecar(tmp_path_factory.mktemp("clients") / "data") as running:
        yield running


def _python_exporter(kind: str, sidecar: Sidecar) -> SpanExporter:
    protocol, compression = kind.split()
    if protocol == "grpc":
        chosen = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}[compression]
        return GrpcExporter(sidecar.grpc_endpoint, compression=chosen)
    return HttpExporter(sidecar.http_endpoint, compression=Compression(compression))


class Watched(SpanExporter):
    """A stock exporter, and what became of its exports."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.sent: list[list[str]] = []
        self.results: set[SpanExportResult] = set()

    def export(self, spans: Any) -> SpanExportResult:
        result = self._exporter.export(spans)
        self.results.add(result)
        self.sent += [[f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"] for span in spans]
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _send_from_python(exporter: SpanExporter, service: str) -> list[list[str]]:
    """The same loop as tests/clients/send.mjs."""
    watched = Watched(exporter)
    provider = TracerProvider(resource=Resource({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(watched, max_export_batch_size=50))
    tracer = provider.get_tracer("agent-loop", "1.0.0")
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "clerk"}
    with tracer.start_as_current_span("invoke_agent clerk", attributes=agent):
        for turn in range(TURNS):
            said = [{"role": "assistant", "parts": [{"type": "text", "content": f"Antwort {turn}: Ü€😀"}]}]
            chat = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "small-model",
                "gen_ai.usage.input_tokens": 100 + turn,
                "gen_ai.usage.output_tokens": 7,
                "gen_ai.output.messages": json.dumps(said),
            }
            with tracer.start_as_current_span("chat", attributes=chat) as call:
                call.add_event("said", {"to": "whom", "times": [1, 2], "certain": True})
            tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"}
            with tracer.start_as_current_span("execute_tool lookup", attributes=tool) as span:
                if turn % 10 == 0:
                    span.record_exception(KeyError(f"no row {turn}"))
                    span.set_status(Status(StatusCode.ERROR, f"no row {turn}"))
    provider.shutdown()
    assert watched.results == {SpanExportResult.SUCCESS}
    return watched.sent


def _send_from_javascript(kind: str, sidecar: Sidecar) -> list[list[str]]:
    protocol, compression = kind.split()
    endpoint = sidecar.grpc_endpoint if protocol == "grpc" else sidecar.http_endpoint
    done = subprocess.run(
        ["node", "send.mjs", protocol, endpoint, compression],
        cwd=CLIENTS,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sent: list[list[str]] = json.loads(done.stdout)["sent"]
    return sent


def _expect_complete(sidecar: Sidecar, service: str, sent: list[list[str]]) -> None:
    """Every span that was sent, once, with what it says of the model, the tool, the tokens and the failures."""
    traces = {trace_id for trace_id, _ in sent}
    assert len(traces) == 1
    stored = sidecar.get(f"/api/v1/traces/{traces.pop()}?spans=full")
    spans = stored["spans"]
    by_kind = {kind: [span for span in spans if span["kind"] == kind] for kind in ("agent", "llm", "tool")}

    assert len(sent) == 2 * TURNS + 1
    assert sorted(span["span_id"] for span in spans) == sorted(span_id for _, span_id in sent)
    assert {span["service"] for span in spans} == {service}
    assert {kind: len(found) for kind, found in by_kind.items()} == {"agent": 1, "llm": TURNS, "tool": TURNS}
    assert {span["model"] for span in by_kind["llm"]} == {"small-model"}
    assert sum(span["input_tokens"] for span in by_kind["llm"]) == sum(100 + turn for turn in range(TURNS))
    assert {span["tool"] for span in by_kind["tool"]} == {"lookup"}
    assert sum(span["status"] == "error" for span in spans) == TURNS / 10
    (first,) = [span for span in by_kind["llm"] if "Antwort 0: " in _answer(span)]  # several may begin at once
    assert "Antwort 0: Ü€😀" in _answer(first)
    assert [event["name"] for event in first["events"]] == ["said"]


def _answer(span: dict[str, Any]) -> str:
    return str(json.loads(span["attributes"]["gen_ai.output.messages"])[0]["parts"][0]["content"])


@pytest.mark.parametrize("kind", PYTHON)
def test_a_python_exporter_is_found_again_complete(sidecar: Sidecar, kind: str) -> None:
    """Most agents are Python programs, and this is the exporter they use."""
    service = f"py-{kind}"
    sent = _send_from_python(_python_exporter(kind, sidecar), service)

    _expect_complete(sidecar, service, sent)


@pytest.mark.skipif(
    shutil.which("node") is None or not (CLIENTS / "node_modules").is_dir(),
    reason="needs Node.js and its packages: install Node.js with npm, then `make clients`",
)
@pytest.mark.parametrize("kind", JAVASCRIPT)
def test_a_javascript_exporter_is_found_again_complete(sidecar: Sidecar, kind: str) -> None:
    """JavaScript exporters send chunked bodies, and over gRPC they never retry: the first answer has to be right."""
    sent = _send_from_javascript(kind, sidecar)

    _expect_complete(sidecar, f"js-{kind.split()[0]}", sent)
