"""Two OTLP receivers that remember what they were sent, and a reader's view of the spans in it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


@dataclass
class Seen:
    """A span as a reader of traces sees it."""

    span: Span
    attributes: dict[str, Any]
    kind: str = field(init=False)
    tool: str = field(init=False)
    failed: bool = field(init=False)

    def __post_init__(self) -> None:
        self.kind = self.attributes["openinference.span.kind"]
        self.tool = self.attributes.get("tool.name", "")
        self.failed = self.span.status.code == Status.STATUS_CODE_ERROR


def spans_of(requests: list[ExportTraceServiceRequest]) -> list[Seen]:
    spans = [
        Seen(span, {item.key: plain(item.value) for item in span.attributes})
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    return sorted(spans, key=lambda seen: seen.span.start_time_unix_nano)


def plain(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    return getattr(value, which) if which else None


class Collector:
    """An OTLP gRPC receiver that remembers, or refuses with `refuse_with`."""

    def __init__(self, refuse_with: grpc.StatusCode | None = None) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self._refuse_with = refuse_with
        self._server = grpc.server(ThreadPoolExecutor(2))
        export = grpc.unary_unary_rpc_method_handler(
            self._export,
            request_deserializer=ExportTraceServiceRequest.FromString,
            response_serializer=ExportTraceServiceResponse.SerializeToString,
        )
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        handler = grpc.method_handlers_generic_handler(service, {"Export": export})
        self._server.add_generic_rpc_handlers((handler,))
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def _export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
        if self._refuse_with is not None:
            context.abort(self._refuse_with, "refused by the test")
        self.requests.append(request)
        return ExportTraceServiceResponse()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop(None).wait()


class HttpCollector:
    """The same over HTTP, protobuf bodies, at the path that OTLP lays down."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        sink = type("Sink", (_Sink,), {"requests": self.requests})
        self._server = HTTPServer(("127.0.0.1", 0), sink)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Sink(BaseHTTPRequestHandler):
    requests: list[ExportTraceServiceRequest]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        is_known = self.path == "/v1/traces"
        if is_known:
            self.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200 if is_known else 404)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """A test's output is no place for an access log."""
