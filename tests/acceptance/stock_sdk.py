"""An agent that exports all three signals with the stock Python SDK, remembering what it sent."""

from typing import Any, NamedTuple

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Sent(NamedTuple):
    """Span ids in hexadecimal, the bodies of log records, the names of metrics."""

    spans: set[str]
    logs: set[str]
    metrics: set[str]


def send(sent: Sent, label: str, *, grpc_url: str = "", http_url: str = "", count: int = 60) -> None:
    """Export `count` of each signal over gRPC or HTTP, and add them to `sent`."""
    resource = Resource({"service.name": "chained", "part": label})
    spans: Any = GrpcSpans(grpc_url) if grpc_url else HttpSpans(f"{http_url}/v1/traces")
    logs: Any = GrpcLogs(grpc_url) if grpc_url else HttpLogs(f"{http_url}/v1/logs")
    metrics: Any = GrpcMetrics(grpc_url) if grpc_url else HttpMetrics(f"{http_url}/v1/metrics")
    _send_spans(sent, resource, spans, count)
    _send_logs(sent, resource, logs, label, count)
    _send_metrics(sent, resource, metrics, label, count)


def _send_spans(sent: Sent, resource: Resource, exporter: Any, count: int) -> None:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=20))
    tracer = provider.get_tracer("chain")
    for _ in range(count // 3):
        with tracer.start_as_current_span("run", attributes={"openinference.span.kind": "AGENT"}) as root:
            sent.spans.add(f"{root.get_span_context().span_id:016x}")
            for step in range(2):
                with tracer.start_as_current_span("step", attributes={"output.value": "said " * 40 * step}) as span:
                    sent.spans.add(f"{span.get_span_context().span_id:016x}")
    assert provider.force_flush(10_000)
    provider.shutdown()


def _send_logs(sent: Sent, resource: Resource, exporter: Any, label: str, count: int) -> None:
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("chain")
    for number in range(count):
        body = f"{label} log {number}"
        logger.emit(LogRecord(timestamp=1, body=body, severity_number=SeverityNumber.INFO))
        sent.logs.add(body)
    assert provider.force_flush(10_000)
    provider.shutdown()


def _send_metrics(sent: Sent, resource: Resource, exporter: Any, label: str, count: int) -> None:
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter("chain")
    for number in range(count):
        name = f"{label}.metric.{number}".lower().replace(" ", "_")  # as the SDK would make it
        meter.create_counter(name).add(number + 1)
        sent.metrics.add(name)
    assert provider.force_flush(10_000)
    provider.shutdown()
