"""Stands before the gRPC server on its port, so that HTTP requests which come there by mistake get an answer in HTTP.

grpcio owns its sockets and offers no look at them. So this listens in its place, judges a connection by its first
bytes, and hands those of gRPC, plain or TLS, on to a unix socket on which gRPC listens. Every byte passes through this
process once more: with 512-span requests on two cores, shared with the client, that took 5 % of the throughput, 14 %
more CPU a span (2.4 µs) and 0.1 ms a request; splicing in the kernel took no less. Hence off unless asked for.
"""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from google.rpc import code_pb2

from collector.otlp import answers
from collector.otlp.answers import Refusal
from collector.otlp.grpc_at_http import PREFACE
from domain.endpoint import Endpoint, UnixEndpoint, cannot_listen
from domain.errors import ConfigError
from telemetry.metrics import REQUESTS

FIRST_BYTES_TIMEOUT_S = 20.0
LAST_BYTES_TIMEOUT_S = 1.0
_TLS_HANDSHAKE = 0x16
_REQUEST_LINE = re.compile(rb"[A-Z]{3,10} \S+")


class Front:
    """Joins clients to the server that listens on `inner`; `hint` is called for what HTTP clients are told."""

    def __init__(self, inner: UnixEndpoint, hint: Callable[[], str]) -> None:
        self.inner = inner
        self.hint = hint
        self._ends: set[_End] = set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    @asynccontextmanager
    async def accepting(self, public: Endpoint) -> AsyncIterator[Endpoint]:
        """Accept while the `with` lasts, then end those who have not spoken; yields the actual endpoint.

        ConfigError when nothing can listen there.
        """
        try:
            server = await asyncio.get_running_loop().create_server(lambda: _Door(self), public.host, public.port)
        except OSError as error:
            raise ConfigError(f"endpoint: {cannot_listen(public, error)}") from error
        try:
            yield Endpoint(public.host, server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for end in list(self._ends):
                if end.other is None:
                    end.close()

    async def finish(self) -> None:
        """Wait until the last answers have left, and no longer than a client may take to read them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_BYTES_TIMEOUT_S):
                await self._is_empty.wait()
        for end in list(self._ends):
            end.abort()
        await self._is_empty.wait()

    def begun(self, end: "_End") -> None:
        """Keep account of a connection."""
        self._ends.add(end)
        self._is_empty.clear()

    def ended(self, end: "_End") -> None:
        """A connection is gone."""
        self._ends.discard(end)
        if not self._ends:
            self._is_empty.set()


@asynccontextmanager
async def fronting(hint: Callable[[], str]) -> AsyncIterator[Front]:
    """A front with a unix socket for the server behind it, which only this user can reach."""
    try:
        made = tempfile.TemporaryDirectory(prefix="halo-")
    except OSError as error:
        fix = "set TMPDIR to a directory that this user may write to, or remove it"
        raise ConfigError(f"detect_http: there is no place for temporary files; {fix}") from error
    with made as directory:
        front = Front(UnixEndpoint(str(Path(directory) / "grpc.sock")), hint)
        try:
            yield front
        finally:
            await front.finish()


class _End(asyncio.Protocol):
    """One end of a connection: what comes in goes out at the other, no faster than the other takes it."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._front.begun(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        if self.other is None or self.other.transport is None:
            return False
        self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._front.ended(self)
        if self.other is not None:
            self.other.close()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class _Door(_End):
    """The end at which a client stands; it is joined to the server when its first bytes are those of gRPC."""

    def __init__(self, front: Front) -> None:
        super().__init__(front)
        self._joining: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._timer = asyncio.get_running_loop().call_later(FIRST_BYTES_TIMEOUT_S, self.close)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            super().data_received(data)
            return
        self._decided()
        if data[0] == _TLS_HANDSHAKE or PREFACE.startswith(data[: len(PREFACE)]):
            assert self.transport is not None
            self.transport.pause_reading()
            self._joining = asyncio.create_task(self._join(data))
        else:
            self._explain(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._decided()
        if self._joining is not None:
            self._joining.cancel()

    def _decided(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _join(self, data: bytes) -> None:
        inner = _End(self._front)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: inner, self._front.inner.path)
        except OSError:
            self.close()
            return
        inner.other, self.other = self, inner
        super().data_received(data)
        if self.transport is None:
            inner.close()
        else:
            self.transport.resume_reading()

    def _explain(self, data: bytes) -> None:
        REQUESTS.labels("grpc", "invalid").inc()
        if self.transport is not None and _REQUEST_LINE.match(data):
            answer = answers.http_refusal(Refusal(400, code_pb2.INVALID_ARGUMENT, self._front.hint()), answers.JSON)
            head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: {answers.JSON}\r\nContent-Length: {len(answer.body)}\r\n"
            self.transport.write(head.encode() + b"Connection: close\r\n\r\n" + answer.body)
        self.close()
