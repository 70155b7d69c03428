"""grpc.health.v1 on the OTLP port, for Kubernetes' gRPC probes: serving when the store is ready, not while stopping.

The messages are read with protobuf's wrappers, which look the same on the wire: HealthCheckRequest is one string,
HealthCheckResponse one enum, each in field 1.
Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
"""

import asyncio
from collections.abc import AsyncIterator

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import StringValue, UInt32Value

from domain.signals import SIGNALS

SERVICE = "grpc.health.v1.Health"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
_NAMES = {"", *(signal.service for signal in SIGNALS)}

_Context = grpc.aio.ServicerContext[bytes, bytes]


class Health:
    """What the server says about itself and each of its services."""

    def __init__(self, ready: asyncio.Event) -> None:
        self._ready = ready
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Not serving from now on; those that watch are told, and let go."""
        self._stopping.set()

    def methods(self) -> "dict[str, grpc.RpcMethodHandler[bytes, bytes]]":
        """Handlers by method name."""
        return {
            "Check": grpc.unary_unary_rpc_method_handler(self._check),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
        }

    @property
    def _status(self) -> int:
        return SERVING if self._ready.is_set() and not self._stopping.is_set() else NOT_SERVING

    async def _check(self, request: bytes, context: _Context) -> bytes:
        if _name(request) not in _NAMES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service; ask for '' or an OTLP service")
        return _response(self._status)

    async def _watch(self, request: bytes, context: _Context) -> AsyncIterator[bytes]:
        is_known = _name(request) in _NAMES
        yield _response(self._status if is_known else SERVICE_UNKNOWN)
        if is_known and self._status == NOT_SERVING:
            await _first(self._ready, self._stopping)
            yield _response(self._status)
        await self._stopping.wait()
        if is_known:
            yield _response(NOT_SERVING)


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _name(request: bytes) -> str | None:
    try:
        return StringValue.FromString(request).value
    except DecodeError:
        return None


def _response(status: int) -> bytes:
    return UInt32Value(value=status).SerializeToString()
