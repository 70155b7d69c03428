"""The stock Python OTLP exporters, as users have them, against the receiver."""

import asyncio
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from collector.receivers.otlp import OtlpReceiver
from domain.errors import RetryableError
from tests.collector.fakes import FakeWindow
from tests.collector.serving import receiver, traces_url


def _spans(count: int) -> list[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "agent"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("root"):
        for number in range(count - 1):
            with tracer.start_as_current_span("step", attributes={"n": number, "text": "x" * 200}) as span:
                span.add_event("said", {"to": "whom"})
    provider.shutdown()
    return list(memory.get_finished_spans())


def _exporter(kind: str, running: OtlpReceiver) -> SpanExporter:
    made: dict[str, Any] = {
        "grpc": lambda: GrpcExporter(f"http://{running.grpc_endpoint}"),
        "grpc gzip": lambda: GrpcExporter(f"http://{running.grpc_endpoint}", compression=grpc.Compression.Gzip),
        "http": lambda: HttpExporter(traces_url(running)),
        "http gzip": lambda: HttpExporter(traces_url(running), compression=Compression.Gzip),
        "http deflate": lambda: HttpExporter(traces_url(running), compression=Compression.Deflate),
    }
    exporter: SpanExporter = made[kind]()
    return exporter


@pytest.mark.parametrize("kind", ["grpc", "grpc gzip", "http", "http gzip", "http deflate"])
async def test_a_stock_exporter_succeeds_and_its_spans_arrive(kind: str) -> None:
    """This is how nearly everybody sends; anything less than SUCCESS would be seen as our fault."""
    window, spans = FakeWindow(), _spans(700)
    async with receiver(window) as running:
        exporter = _exporter(kind, running)
        result = await asyncio.to_thread(exporter.export, spans)
        await asyncio.to_thread(exporter.shutdown)

    assert result is SpanExportResult.SUCCESS
    assert {span.span_id for span in window.spans} == {
        span.context.span_id.to_bytes(8, "big") for span in spans if span.context
    }
    assert [event.name for event in window.spans[0].events] == ["said"]


class RecoveringWindow(FakeWindow):
    """Refuses the first request, as after a restart."""

    async def append(self, request: bytes, message: Any) -> Any:
        if not self.entered.is_set():
            self.entered.set()
            raise RetryableError("starting", retry_after_s=0.01)
        return await super().append(request, message)


@pytest.mark.parametrize("kind", ["grpc", "http"])
async def test_a_stock_exporter_comes_back_after_a_refusal(kind: str) -> None:
    """Refused is not lost: the exporter keeps its batch, and comes back when it was told to."""
    window, spans = RecoveringWindow(), _spans(5)
    async with receiver(window) as running:
        exporter = _exporter(kind, running)
        result = await asyncio.to_thread(exporter.export, spans)
        await asyncio.to_thread(exporter.shutdown)

    assert result is SpanExportResult.SUCCESS
    assert len(window.spans) == 5
