"""Tracing of the demo agent: the stock SDK, the stock exporter, and proof that every span was delivered.

The SDK drops spans and failed exports without telling the program, so both ends are counted here.
"""

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

SERVICE_NAME = "order-desk"
SERVICE_VERSION = "1.4.2"
SPAN_QUEUE_MAX = 65536

Protocol = Literal["grpc", "http"]


def stock_exporter(endpoint: str, protocol: Protocol) -> SpanExporter:
    """The exporter a user would configure; the HTTP one is given the path that OTLP lays down."""
    if protocol == "grpc":
        return GrpcExporter(endpoint=endpoint)
    base = endpoint.rstrip("/").removesuffix("/v1/traces")
    return HttpExporter(endpoint=f"{base}/v1/traces")


class Telemetry:
    """Tracing while its `with` block runs; leaving the block sends what is left and closes the exporter.

    Afterwards `ended` and `delivered` say how many spans there were and how many the endpoint took.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._delivery = _Delivery(exporter)
        self._count = _SpanCount()
        self._instrumentor = OpenAIInstrumentor()
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": SERVICE_NAME, "service.version": SERVICE_VERSION}),
        )
        self._provider.add_span_processor(self._count)
        self._provider.add_span_processor(BatchSpanProcessor(self._delivery, max_queue_size=SPAN_QUEUE_MAX))

    @property
    def tracer(self) -> Tracer:
        """The tracer of the agent's own spans."""
        return self._provider.get_tracer("examples.demo_agent", SERVICE_VERSION)

    @property
    def ended(self) -> int:
        """Spans that ended, the instrumentation's included."""
        return self._count.ended

    @property
    def delivered(self) -> int:
        """Spans the endpoint has taken."""
        return self._delivery.spans

    def __enter__(self) -> Self:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # The program says it in one line.
        self._instrumentor.instrument(tracer_provider=self._provider)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._instrumentor.uninstrument()
        self._provider.force_flush()
        self._provider.shutdown()


class _SpanCount(SpanProcessor):
    def __init__(self) -> None:
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1


class _Delivery(SpanExporter):
    """Counts what the exporter got rid of; after a failure it is not asked again, a retry cost 10 s already."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.spans = 0
        self._exporter = exporter
        self._has_failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._has_failed:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.spans += len(spans)
        else:
            self._has_failed = True
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)
