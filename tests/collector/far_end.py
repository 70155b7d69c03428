"""The other end of a forwarder: OTLP servers over gRPC and HTTP that keep the bytes they get and answer as told."""

import asyncio
import gzip
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from aiohttp import web
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from domain.signals import SIGNALS, Signal

OK, THROTTLED, TOO_LARGE, REFUSED, SILENT, PARTLY = "ok", "throttled", "too large", "refused", "silent", "partly"
RETRY_AFTER_S = 7
SAID = "no such project"


class Got(NamedTuple):
    """A request as it came: its signal, its bytes before compression, its headers or metadata."""

    signal: Signal
    request: bytes
    headers: dict[str, str]


class FarEnd:
    """What a server was sent; `answers` are used up one by one, then all is well."""

    def __init__(self, answers: Sequence[str] = ()) -> None:
        self.answers = list(answers)
        self.got: list[Got] = []
        self.abandoned = asyncio.Event()
        """Set when a gRPC client has cancelled its call."""
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, signal: Signal, request: bytes, headers: dict[str, str]) -> str:
        self.got.append(Got(signal, request, headers))
        return self.answers.pop(0) if self.answers else OK


def success(signal: Signal, answer: str) -> bytes:
    made = signal.response()
    if answer == PARTLY:
        made.partial_success.error_message = SAID
        setattr(made.partial_success, signal.rejected, 2)
    return bytes(made.SerializeToString())


@asynccontextmanager
async def http_end(end: FarEnd, tls: Any = None) -> AsyncIterator[FarEnd]:
    async def export(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        signal = next(each for each in SIGNALS if request.path == each.path)
        answer = end.take(signal, body, {key.lower(): value for key, value in request.headers.items()})
        if answer == SILENT:
            await asyncio.sleep(3_600)
        if answer == THROTTLED:
            return web.Response(status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
        if answer == TOO_LARGE:
            return web.Response(status=413)
        if answer == REFUSED:
            return web.Response(status=400, text=SAID)
        return web.Response(body=success(signal, answer), content_type="application/x-protobuf")

    app = web.Application(client_max_size=2**30)
    app.router.add_post("/{path:.*}", export)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    end.port = runner.addresses[0][1]
    try:
        yield end
    finally:
        await runner.cleanup()


@asynccontextmanager
async def grpc_end(end: FarEnd, tls: Any = None) -> AsyncIterator[FarEnd]:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    for signal in SIGNALS:
        method = grpc.unary_unary_rpc_method_handler(_exporting(end, signal))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(signal.service, {"Export": method}),))
    end.port = server.add_secure_port("127.0.0.1:0", tls) if tls else server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield end
    finally:
        await server.stop(0.1)


def _exporting(end: FarEnd, signal: Signal) -> Any:
    async def export(request: bytes, context: Any) -> bytes:
        answer = end.take(signal, request, dict(context.invocation_metadata()))
        if answer == SILENT:
            try:
                await asyncio.sleep(3_600)
            finally:
                end.abandoned.set()
        if answer == THROTTLED:
            detail = AnyMessage()
            detail.Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S)))
            trailers = (("grpc-status-details-bin", Status(code=14, details=[detail]).SerializeToString()),)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "busy", trailers)
        if answer == TOO_LARGE:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 4)")
        if answer == REFUSED:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, SAID)
        return success(signal, answer)

    return export


def unpacked(got: Got) -> bytes:
    """The request as it was before an HTTP client compressed it; gRPC and aiohttp unpack by themselves."""
    return gzip.decompress(got.request) if got.request[:2] == b"\x1f\x8b" else got.request


def certificates(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for `far.test`, and its key."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=far.test"
    command = [*words.split(), "-addext", "subjectAltName=DNS:far.test", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
