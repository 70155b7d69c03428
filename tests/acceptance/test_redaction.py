"""Planted secrets appear nowhere: not on disk, not in what is sent on, not in logs, not in reports."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, Status, StatusCode

from tests.acceptance.sidecar import Sidecar, wait_until

QUICK = {"store.traces.quiet": "200ms", "store.traces.idle": "1s", "store.merge.interval": "200ms"}
RULES = {
    "redact": {
        "secrets": True,
        "pii": ["email", "credit_card"],
        "deny": ["customer.*"],
        "patterns": {"ticket": "TCK-\\d{8}"},
    }
}
WHERE = ("window", "sent on", "otlp-json", "report")
PLACES = (
    "attribute",
    "event",
    "resource",
    "scope",
    "span_name",
    "status",
    "link",
    "exception",
    "json",
    "json_key",
    "json_nested",
    "json_escape",
    "json_slash",
    "log_body",
    "log_attribute",
    "metric_attribute",
    "bearer",
    "connection",
    "denied",
    "email",
    "card",
    "ticket",
)


class Secrets(NamedTuple):
    """A secret for each place; what is searched for is the part of it that no rule could put there."""

    protocol: str

    def core(self, place: str) -> str:
        if place == "card":
            return "4111 1111 1111 1111" if self.protocol == "grpc" else "5500 0000 0000 0004"
        if place == "ticket":
            return f"TCK-{PLACES.index(place):04d}{len(self.protocol):04d}"
        return f"{self.protocol.upper()}{PLACES.index(place):02d}aB3dE6gH9jK2mN5pQ8"

    def key(self, place: str) -> str:
        return f"sk-proj-{self.core(place)}"


def _attributes(secrets: Secrets) -> dict[str, str]:
    nested = json.dumps({"token": secrets.key("json_nested")})
    dsn = f"postgresql://app:{secrets.core('json_slash')}@db/orders"
    return {
        "openinference.span.kind": "TOOL",
        "tool.name": "lookup",
        "note": f"use {secrets.key('attribute')} for it",
        "input.value": json.dumps({"messages": [{"content": f"my key is {secrets.key('json')}"}]}),
        "settings": json.dumps({"password": secrets.core("json_key"), "kept": 1}),
        "wrapped": json.dumps({"inner": json.dumps({"more": nested})}),
        "escaped": json.dumps({"k": secrets.key("json_escape")}).replace("sk-", "\\u0073k-"),
        "slashed": json.dumps({"dsn": dsn}).replace("/", "\\/"),
        "http.header": f"Authorization: Bearer {secrets.core('bearer')}",
        "dsn": f"postgresql://app:{secrets.core('connection')}@db/orders",
        "customer.name": secrets.core("denied"),
        "contact": f"{secrets.core('email')}@example.com",
        "paid.with": f"card {secrets.core('card')}",
        "about": f"see {secrets.core('ticket')}",
    }


def _send(sidecar: Sidecar, secrets: Secrets) -> None:
    """An agent that is careless everywhere, with the stock SDK."""
    grpc = secrets.protocol == "grpc"
    base = sidecar.grpc_endpoint if grpc else f"http://127.0.0.1:{sidecar.http_port}"
    resource = Resource({"service.name": "careless", "deployment.key": secrets.key("resource")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(GrpcSpans(base) if grpc else HttpSpans(f"{base}/v1/traces")))
    tracer = provider.get_tracer("careless", attributes={"scope.note": f"with {secrets.key('scope')}"})
    with tracer.start_as_current_span("run", attributes={"openinference.span.kind": "AGENT"}) as root:
        link = Link(root.get_span_context(), {"why": secrets.key("link")})
        for _ in range(6):
            name = f"call {secrets.key('span_name')}"
            with tracer.start_as_current_span(name, attributes=_attributes(secrets), links=[link]) as span:
                span.add_event("said", {"text": f"it is {secrets.key('event')}"})
                span.record_exception(ValueError(f"bad key {secrets.key('exception')}"))
                span.set_status(Status(StatusCode.ERROR, f"refused {secrets.key('status')}"))
                context = otel_trace.set_span_in_context(span, otel_context.Context())
    provider.shutdown()
    _send_logs(GrpcLogs(base) if grpc else HttpLogs(f"{base}/v1/logs"), secrets, context)
    _send_metrics(GrpcMetrics(base) if grpc else HttpMetrics(f"{base}/v1/metrics"), secrets)


def _send_logs(exporter: Any, secrets: Secrets, context: Any) -> None:
    provider = LoggerProvider(resource=Resource({"service.name": "careless"}), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    body = {"role": "user", "content": f"my key is {secrets.key('log_body')}"}
    said = {"gen_ai.system": "openai", "note": secrets.key("log_attribute")}
    record = LogRecord(timestamp=1, context=context, event_name="gen_ai.user.message", body=body, attributes=said)
    provider.get_logger("careless").emit(record)
    provider.shutdown()


def _send_metrics(exporter: Any, secrets: Secrets) -> None:
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    provider = MeterProvider([reader], resource=Resource({"service.name": "careless"}), shutdown_on_exit=False)
    provider.get_meter("careless").create_counter("calls").add(1, {"key": secrets.key("metric_attribute")})
    assert provider.force_flush(10_000)
    provider.shutdown()


class Backend:
    """A tracing backend that keeps the bodies it is sent, unpacked."""

    def __init__(self) -> None:
        bodies: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.bodies = bodies
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def serving(self) -> Iterator[str]:
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{self.server.server_port}"
        finally:
            self.server.shutdown()
            self.server.server_close()

    def has(self, sign: bytes, times: int) -> bool:
        return sum(body.count(sign) for body in self.bodies) >= times


def _everything(sidecar: Sidecar, backend: Backend) -> dict[str, bytes]:
    """All that the sidecar showed or sent, by where it was found."""
    found: dict[str, bytes] = {"sent on": b"\n".join(backend.bodies)}
    traces = sidecar.items("/api/v1/traces?limit=100")
    shown = [sidecar.get(f"/api/v1/traces/{each['trace_id']}?spans=full") for each in traces]
    found["window"] = json.dumps([traces, shown], ensure_ascii=False).encode()
    for kind in ("otlp-json", "halo-jsonl"):
        found[kind] = sidecar.halo("export", "--data-dir", str(sidecar.data_dir), "--format", kind).stdout.encode()
    run = sidecar.run(sidecar.items("/api/v1/agents")[0]["uuid"])
    found["report"] = json.dumps(sidecar.get(f"/api/v1/reports/{run['id']}"), ensure_ascii=False).encode()
    wait_until(lambda: list((sidecar.data_dir / "reports").rglob("latest.json")))
    return found


def _search(tmp_path: Path, rules: dict[str, Any]) -> dict[str, set[str]]:
    """Where each secret's core is found, over both protocols."""
    backend, cores = Backend(), {}
    with backend.serving() as url:
        settings = QUICK | {"processors": rules, "forwarders": {"otlp_http": {"endpoint": url}}}
        with Sidecar(tmp_path / "data", settings) as sidecar:
            for protocol in ("grpc", "http"):
                secrets = Secrets(protocol)
                _send(sidecar, secrets)
                cores |= {f"{protocol} {place}": secrets.core(place).encode() for place in PLACES}
            wait_until(lambda: all(each["complete"] for each in sidecar.items("/api/v1/traces?limit=100")))
            for sign, times in ((b"gen_ai.user.message", 2), (b"calls", 2), (b"customer.name", 12)):
                wait_until(lambda sign=sign, times=times: backend.has(sign, times))  # type: ignore[misc]
            found = _everything(sidecar, backend)
            found |= {f"file {path.name}": path.read_bytes() for path in sidecar.data_dir.rglob("*") if path.is_file()}
    found |= {f"later {path.name}": path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    found["log"] = sidecar.log_path.read_bytes()
    assert all(found[name] for name in (*WHERE, "halo-jsonl", "log"))
    return {name: {where for where, data in found.items() if core in data} for name, core in cores.items()}


def test_a_redacted_secret_appears_nowhere(tmp_path: Path) -> None:
    """Keys, passwords and personal data reach telemetry by accident; whatever keeps them spreads them."""
    found = _search(tmp_path, RULES)

    assert len(found) == 2 * len(PLACES)
    assert {name: places for name, places in found.items() if places} == {}


def test_without_redaction_the_search_finds_them(tmp_path: Path) -> None:
    """A search that cannot find anything would prove nothing. Metrics are not kept, scopes are only exported."""
    found = _search(tmp_path, {"memory_limiter": {}})
    seen = {place: {name.partition(" ")[2] for name, places in found.items() if place in places} for place in WHERE}

    assert seen["sent on"] == set(PLACES)
    assert seen["otlp-json"] == {*PLACES} - {"metric_attribute"}
    assert seen["window"] == {*PLACES} - {"metric_attribute", "scope"}
    assert seen["report"]
