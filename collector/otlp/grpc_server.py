"""OTLP over gRPC: TraceService/Export.

The handler takes raw bytes and parses them itself, because gRPC would answer what it cannot parse with INTERNAL
and what raised with UNKNOWN: senders drop both, and the second should have been tried again.
Source: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import grpc

from collector.otlp.answers import Refusal, grpc_trailers, response
from collector.otlp.intake import Intake, Received, from_protobuf
from collector.otlp.limits import Hold
from domain.endpoint import Endpoint, cannot_listen
from domain.errors import ConfigError

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@asynccontextmanager
async def grpc_server(
    endpoint: Endpoint, intake: Intake, *, max_request_bytes: int, stop_grace_s: float
) -> AsyncIterator[Endpoint]:
    """Serve until the `with` ends, then finish what is in flight within the grace; yields the actual endpoint.

    ConfigError when nothing can listen there.
    """
    server = grpc.aio.server(options=(("grpc.max_receive_message_length", max_request_bytes), ("grpc.so_reuseport", 0)))
    export = grpc.unary_unary_rpc_method_handler(partial(_export, intake))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": export}),))
    try:
        port = _listen(server, endpoint)
        await server.start()
        yield Endpoint(endpoint.host, port)
    finally:
        await server.stop(stop_grace_s)


def _listen(server: grpc.aio.Server, endpoint: Endpoint) -> int:
    """The port that was bound; gRPC does not say why it fails, so a plain socket tries the same before."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(*endpoint, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(cannot_listen(endpoint, error)) from error
    try:
        return server.add_insecure_port(str(endpoint))
    except RuntimeError as error:
        raise ConfigError(f"cannot listen on {endpoint}; choose another address or port") from error


async def _export(intake: Intake, body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    outcome = await intake.take("grpc", partial(_receive, body))
    if isinstance(outcome, Refusal):
        await context.abort(_CODES[outcome.code], outcome.message, grpc_trailers(outcome))
    return response(outcome).SerializeToString()


async def _receive(body: bytes, hold: Hold) -> Received:
    hold.add(len(body))
    return from_protobuf(body)
