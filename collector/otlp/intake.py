"""The one way in: a request is received, decoded, kept, and only then answered, whatever protocol it came by."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog
from google.protobuf.message import DecodeError

from collector.otlp.answers import Refusal, refusal, rejected_by_store
from collector.otlp.limits import Hold, Inflight
from domain import otlp_json
from domain.errors import HaloError, PermanentError, RetryableError
from domain.otlp import ExportTraceServiceRequest
from store.base import Appended, WindowWriter
from telemetry.metrics import ACCEPTED_SPANS, REFUSED_SPANS, REQUESTS

NOT_READY_RETRY_AFTER_S = 1.0

_log = structlog.get_logger(__name__)


class Received(NamedTuple):
    """A request as it will be kept, and the same parsed."""

    request: bytes
    message: ExportTraceServiceRequest


Receive = Callable[[Hold], Awaitable[Received]]


def from_protobuf(body: bytes) -> Received:
    """A protobuf body; PermanentError when it cannot be decoded."""
    try:
        return Received(body, ExportTraceServiceRequest.FromString(body))
    except DecodeError as error:
        raise PermanentError(f"the body is no ExportTraceServiceRequest: {error}") from None


def from_json(body: bytes) -> Received:
    """An OTLP/JSON body; PermanentError with the path of what does not fit."""
    message = otlp_json.decode(body)
    return Received(message.SerializeToString(), message)


class Intake:
    """Takes requests for a window; while `ready` is not set they wait, at most `ready_timeout_s`."""

    def __init__(
        self, receiver: str, window: WindowWriter, inflight: Inflight, ready: asyncio.Event, ready_timeout_s: float
    ) -> None:
        self._receiver = receiver
        self._window = window
        self._inflight = inflight
        self._ready = ready
        self._ready_timeout_s = ready_timeout_s

    async def take(self, transport: str, receive: Receive) -> Appended | Refusal:
        """Receive and keep one request; what comes back is the answer, and every outcome is counted."""
        received: Received | None = None
        with self._inflight.hold() as hold:
            try:
                received = await receive(hold)
                outcome: Appended | Refusal = await self._keep(received)
            except PermanentError as error:
                outcome = refusal(error) if received is None else rejected_by_store(error)
            except Exception as error:
                if not isinstance(error, HaloError):
                    _log.exception("request_failed", receiver=self._receiver, transport=transport)
                outcome = refusal(error)
        self._count(transport, outcome, received)
        return outcome

    async def _keep(self, received: Received) -> Appended:
        if not any(scope.spans for resource in received.message.resource_spans for scope in resource.scope_spans):
            return Appended(0, 0)
        if not self._ready.is_set():
            await self._wait_until_ready()
        return await self._window.append(received.request, received.message)

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(self._ready_timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise RetryableError("the store is not ready yet", retry_after_s=NOT_READY_RETRY_AFTER_S) from None

    def _count(self, transport: str, outcome: Appended | Refusal, received: Received | None) -> None:
        if isinstance(outcome, Refusal):
            refused = _span_count(received.message) if received is not None else 0
            REFUSED_SPANS.labels(self._receiver, transport).inc(refused)
            kind = "refused" if outcome.http_status == 503 else "invalid"
        else:
            ACCEPTED_SPANS.labels(self._receiver, transport).inc(outcome.accepted)
            REFUSED_SPANS.labels(self._receiver, transport).inc(outcome.rejected)
            kind = "partial" if outcome.rejected else "success"
        REQUESTS.labels(transport, kind).inc()


def _span_count(message: ExportTraceServiceRequest) -> int:
    return sum(len(scope.spans) for resource in message.resource_spans for scope in resource.scope_spans)
