"""HTTP connections with limits: how many, how slow, how large a header; and words for clients that speak no HTTP/1.1.

The library underneath would wait for ever for the rest of a header that comes byte by byte.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from collector.otlp import answers
from collector.otlp.answers import HttpAnswer
from collector.otlp.grpc_at_http import PREFACE, GrpcAtHttp
from domain.errors import PermanentError, RetryableError
from telemetry.metrics import REQUESTS

SERVER = "halo"  # instead of the names and versions of what it is made with
HEADER_MAX_BYTES = 16_384  # one header; tokens can be long
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

_log = structlog.get_logger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ConnectionLimits(NamedTuple):
    """Seconds that a header may take, seconds that a connection may idle, and connections at once."""

    header_timeout_s: float
    idle_timeout_s: float
    max_connections: int


class HttpServer(web.Server):
    """Makes a connection for each client; `http_2_hint` is what a client is told that speaks HTTP/2, as gRPC does."""

    def __init__(self, handler: Handler, limits: ConnectionLimits, http_2_hint: str) -> None:
        super().__init__(handler)
        self.limits = limits
        self.http_2_hint = http_2_hint

    def __call__(self) -> "Connection":
        """The protocol of a new connection."""
        # The library's own timer is made to outlast those of the connection.
        patience_s = self.limits.header_timeout_s + self.limits.idle_timeout_s
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=patience_s,
            access_log=None,
            auto_decompress=False,
            max_field_size=HEADER_MAX_BYTES,
        )


class Connection(web.RequestHandler):
    """One client. It is due to close when it is silent or sends a header for too long, and not while it is served.

    One timer looks at that from time to time, because starting one for each request would cost more than its header.
    """

    __slots__ = ("_due", "_grpc", "_is_fresh", "_is_reading", "_is_serving", "_server", "_timer")

    def __init__(self, server: HttpServer, **settings: object) -> None:
        super().__init__(server, **settings)  # type: ignore[arg-type] # passed on as they came
        self._server = server
        self._grpc: GrpcAtHttp | None = None
        self._is_fresh = True
        self._is_reading = False
        self._is_serving = False
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, or turn the client away when there are too many."""
        super().connection_made(transport)
        if len(self._server.connections) > self._server.limits.max_connections:
            REQUESTS.labels("http", "refused").inc()
            if self.transport is not None:
                self.transport.write(_FULL)
            self.force_close()
            return
        self._close_after(self._server.limits.idle_timeout_s)
        self._look()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is awaited any more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the header's time at its first byte."""
        if self._is_fresh:
            self._is_fresh = False
            if data.startswith(PREFACE[:16]):
                REQUESTS.labels("http", "invalid").inc()
                self._grpc = GrpcAtHttp(self._server.http_2_hint)
        if self._grpc is not None:
            if self.transport is not None:
                self.transport.write(self._grpc.feed(data))
            return
        if not self._is_serving and not self._is_reading:
            self._is_reading = True
            self._close_after(self._server.limits.header_timeout_s)
        super().data_received(data)

    def serving(self) -> None:
        """A header is complete: what follows has limits of its own."""
        self._is_serving, self._is_reading = True, False
        self._due = None

    def served(self) -> None:
        """Its answer is made: wait for the next request."""
        self._is_serving = False
        self._close_after(self._server.limits.idle_timeout_s)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is no HTTP is answered as everything else is, and not logged with a stack for each."""
        if isinstance(exc, HttpProcessingError):
            REQUESTS.labels("http", "invalid").inc()
            refused = answers.refusal(PermanentError(f"malformed HTTP request: {' '.join(exc.message.split())}"))
        else:
            _log.error("request_failed", transport="http", exc_info=exc)
            refused = answers.refusal(RetryableError("the request could not be handled; try again later"))
        response = to_response(answers.http_refusal(refused, answers.JSON))
        response.force_close()
        return response

    def _close_after(self, seconds: float) -> None:
        self._due = asyncio.get_running_loop().time() + seconds

    def _look(self) -> None:
        """Close what is due, else look again: before anything that is not yet known can be due."""
        loop = asyncio.get_running_loop()
        limits = self._server.limits
        wait_s = min(limits.header_timeout_s, limits.idle_timeout_s)
        if self._due is not None:
            left_s = self._due - loop.time()
            if left_s <= 0:
                self.force_close()
                return
            wait_s = min(wait_s, left_s)
        self._timer = loop.call_later(wait_s, self._look)


def to_response(answer: HttpAnswer) -> web.Response:
    """An answer as the library sends it."""
    return web.Response(status=answer.status, headers={"Server": SERVER, **answer.headers}, body=answer.body)
