"""OTLP over gRPC: the Export method of each signal's service, and the health service.

The handler takes raw bytes and parses them itself, because gRPC would answer what it cannot parse with INTERNAL
and what raised with UNKNOWN: senders drop both, and the second should have been tried again.

What grpcio decides before a handler runs: it unpacks gzip and deflate and answers every other coding (zstd, snappy)
with INTERNAL, as it does a body that is damaged; nothing is stored and the connection lives on. It takes any content
type. A client that speaks HTTP/1.1 gets HTTP/2 frames and the connection's end, unless `detect_http` is set.
Source: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import grpc

from collector.otlp.answers import Refusal, grpc_trailers, response
from collector.otlp.auth import Guard
from collector.otlp.front import fronting
from collector.otlp.grpc_options import Credentials, server_options
from collector.otlp.health import SERVICE, Health
from collector.otlp.intake import Intake, Take, receive_protobuf
from collector.otlp.limits import Hold
from collector.otlp.reading import Turns
from collector.otlp.settings import GrpcConfig
from collector.otlp.tls import renewing
from collector.otlp.unix_socket import socket_file
from collector.processing import Batch
from domain.endpoint import Endpoint, Listening, UnixEndpoint, cannot_listen, parse_listening
from domain.errors import ConfigError, PermanentError
from domain.signals import SIGNALS, Signal
from telemetry.metrics import INVALID_REQUESTS, REQUESTS

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_Context = grpc.aio.ServicerContext[bytes, bytes]


@asynccontextmanager
async def grpc_server(
    config: GrpcConfig, intake: Intake, *, stop_grace_s: float, ready: asyncio.Event, http_hint: Callable[[], str]
) -> AsyncIterator[Listening]:
    """Serve until the `with` ends, then finish what is in flight within the grace; yields the actual endpoint.

    `http_hint` is called for what HTTP clients are told. ConfigError, each problem under its setting, when nothing can
    listen there or the certificate cannot be used.
    """
    endpoint = parse_listening(config.endpoint)
    serve = partial(_serving, config, intake, stop_grace_s, ready)
    if config.detect_http and isinstance(endpoint, Endpoint):
        async with fronting(http_hint) as front, serve(front.inner), front.accepting(endpoint) as actual:
            yield actual
        return
    async with serve(endpoint) as actual_endpoint:
        yield actual_endpoint


@asynccontextmanager
async def _serving(
    config: GrpcConfig, intake: Intake, stop_grace_s: float, ready: asyncio.Event, endpoint: Listening
) -> AsyncIterator[Listening]:
    credentials = Credentials(config.tls) if config.tls else None
    health, guard = Health(ready), Guard(config.auth) if config.auth else None
    server = grpc.aio.server(options=server_options(config))
    server.add_generic_rpc_handlers((Services(intake, health, guard, config),))
    with socket_file(endpoint) as bound:
        try:
            actual = _listen(server, endpoint, credentials)
            bound()
            await server.start()
            async with renewing(config.tls, lambda newer: credentials.renew(newer) if credentials else None):
                yield actual
        finally:
            health.stop()
            await server.stop(stop_grace_s)


class Services(grpc.GenericRpcHandler):  # type: ignore[type-arg] # no generic at run time
    """Finds the handler of a call; senders are judged here, before their message is received."""

    def __init__(self, intake: Intake, health: Health, guard: Guard | None, config: GrpcConfig) -> None:
        self._health = {f"/{SERVICE}/{name}": handler for name, handler in health.methods().items()}
        # As streams, because gRPC receives the whole message before it calls the handler of a unary method.
        reader = MessageReader(config.max_request_bytes)
        export = partial(_export, partial(intake.take, max_attributes=config.max_attributes), reader)
        self._exports = {
            f"/{signal.service}/Export": grpc.stream_unary_rpc_method_handler(partial(export, signal))
            for signal in SIGNALS
        }
        self._guard = guard

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """The handler of a method; None answers UNIMPLEMENTED."""
        method = handler_call_details.method
        export = self._exports.get(method)
        if export is None or self._guard is None:
            return export or self._health.get(method)
        metadata = dict(handler_call_details.invocation_metadata or ())
        refused = self._guard.refusal(str(metadata.get("authorization", "")))
        if refused is None:
            return export
        REQUESTS.labels("grpc", "unauthenticated").inc()
        INVALID_REQUESTS.labels("grpc", refused.reason).inc()
        return grpc.stream_stream_rpc_method_handler(partial(_refuse, refused))


async def _refuse(refused: Refusal, _: object, context: _Context) -> None:
    await context.abort(_CODES[refused.code], refused.message)


def _listen(server: grpc.aio.Server, endpoint: Listening, credentials: Credentials | None) -> Listening:
    """Where it was bound; gRPC does not say why it fails, so a plain socket tries the same before."""
    try:
        _probe(endpoint)
    except OSError as error:
        raise ConfigError(f"endpoint: {cannot_listen(endpoint, error)}") from error
    address = f"unix:{quote(endpoint.path)}" if isinstance(endpoint, UnixEndpoint) else str(endpoint)
    try:
        port = server.add_secure_port(address, credentials.made) if credentials else server.add_insecure_port(address)
    except RuntimeError as error:
        raise ConfigError(f"endpoint: cannot listen on {endpoint}; choose another address or port") from error
    return endpoint if isinstance(endpoint, UnixEndpoint) else Endpoint(endpoint.host, port)


def _probe(endpoint: Listening) -> None:
    """OSError when nothing can be bound there."""
    if isinstance(endpoint, UnixEndpoint):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(endpoint.path)
        Path(endpoint.path).unlink()
        return
    family, kind, protocol, _, address = socket.getaddrinfo(*endpoint, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


async def _export(take: Take, reader: "MessageReader", signal: Signal, _: object, context: _Context) -> bytes:
    outcome = await take(signal, "grpc", partial(reader.receive, signal, context))
    if isinstance(outcome, Refusal):
        await context.abort(_CODES[outcome.code], outcome.message, grpc_trailers(outcome))
    return response(signal, outcome).SerializeToString()


class MessageReader:
    """Receives messages of at most `limit` bytes, few at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._turns = Turns()

    async def receive(self, signal: Signal, context: _Context, hold: Hold) -> Batch:
        """The request in a call's one message; the bytes it takes are counted in `hold`."""
        async with self._turns.turn():
            hold.expect(self._limit)
            body = await context.read()
        if not isinstance(body, bytes):
            raise PermanentError("the call carries no message; send one export request")
        hold.add(len(body))
        return await receive_protobuf(signal, body, hold)
