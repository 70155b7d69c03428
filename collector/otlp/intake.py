"""The one way in: a request is received, decoded, kept, and only then answered, whatever protocol it came by."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from google.protobuf.message import DecodeError

from collector.keeping import Keeper
from collector.otlp.answers import Refusal, refusal, rejected_by_store
from collector.otlp.attributes import DEFAULT_MAX_ATTRIBUTES, limited
from collector.otlp.limits import PIECE_BYTES, Hold, Inflight
from collector.processing import Batch
from domain import otlp_json
from domain.errors import HaloError, PermanentError, RetryableError
from domain.signals import Signal, is_empty
from domain.utf8_repair import MAX_DEPTH, repair
from store.base import Appended
from telemetry.metrics import ACCEPTED_ITEMS, INVALID_REQUESTS, REFUSED_ITEMS, REPAIRED_STRINGS, REQUESTS

NOT_READY_RETRY_AFTER_S = 1.0

_log = structlog.get_logger(__name__)


Receive = Callable[[Hold], Awaitable[Batch]]
Take = Callable[[Signal, str, Receive], Awaitable[Appended | Refusal]]


def from_protobuf(signal: Signal, body: bytes) -> Batch:
    """A protobuf body; PermanentError when it cannot be decoded.

    Text in it that is no UTF-8 is repaired, and the repaired bytes take the body's place.
    """
    try:
        return _parsed(signal, body)
    except DecodeError as error:
        return _repaired(signal, body, error)


async def receive_protobuf(signal: Signal, body: bytes, hold: Hold) -> Batch:
    """The same on the event loop: a large body is repaired beside it, since that takes about 0.1 s for each MB.

    What a repair adds to the bytes is counted in `hold`.
    """
    try:
        return _parsed(signal, body)
    except DecodeError as error:
        is_small = len(body) <= PIECE_BYTES
        repair_it = partial(_repaired, signal, body, error)
        batch = repair_it() if is_small else await asyncio.to_thread(repair_it)
    hold.add(max(0, len(batch.request) - len(body)))
    return batch


def _parsed(signal: Signal, body: bytes) -> Batch:
    return Batch(signal, body, signal.request.FromString(body))


def _repaired(signal: Signal, body: bytes, error: DecodeError) -> Batch:
    """Another attempt at a body that the parser refused; whatever it says, only broken text can be repaired."""
    problem = str(error).rpartition(": ")[2]
    if "Depth" in problem:
        raise PermanentError(f"the values are nested more than {MAX_DEPTH} deep; send flatter ones")
    try:
        repaired = repair(body, signal.request.DESCRIPTOR)
        message = signal.request.FromString(repaired.data)
    except (DecodeError, PermanentError) as again:
        problem = str(again).rpartition(": ")[2] if isinstance(again, DecodeError) else str(again)
        raise PermanentError(f"the body is no {signal.request.__name__}: {problem}") from None
    REPAIRED_STRINGS.labels(signal.name).inc(repaired.strings)
    return Batch(signal, repaired.data, message)


def from_json(signal: Signal, body: bytes) -> Batch:
    """An OTLP/JSON body; PermanentError with the path of what does not fit."""
    message = otlp_json.decode(body, signal)
    return Batch(signal, message.SerializeToString(), message)


class Intake:
    """Takes requests for a keeper; while `ready` is not set they wait, at most `ready_timeout_s`."""

    def __init__(
        self, receiver: str, keeper: Keeper, inflight: Inflight, ready: asyncio.Event, ready_timeout_s: float
    ) -> None:
        self._receiver = receiver
        self._keeper = keeper
        self._inflight = inflight
        self._ready = ready
        self._ready_timeout_s = ready_timeout_s

    async def take(
        self, signal: Signal, transport: str, receive: Receive, *, max_attributes: int = DEFAULT_MAX_ATTRIBUTES
    ) -> Appended | Refusal:
        """Receive and keep one request; what comes back is the answer, and every outcome is counted.

        Spans and log records with more than `max_attributes` attributes are rejected, the others are kept.
        """
        batch: Batch | None = None
        with self._inflight.hold() as hold:
            try:
                self._keeper.admit()
                batch = await receive(hold)
                outcome: Appended | Refusal = await self._keep(batch, max_attributes)
            except PermanentError as error:
                outcome = refusal(error) if batch is None else rejected_by_store(error)
            except Exception as error:
                if not isinstance(error, HaloError):
                    _log.exception("request_failed", receiver=self._receiver, transport=transport)
                outcome = refusal(error)
        self._count(signal, transport, outcome, batch)
        return outcome

    async def _keep(self, batch: Batch, max_attributes: int) -> Appended:
        batch, rejected, reason = limited(batch, max_attributes)
        if is_empty(batch.signal, batch.message):
            return Appended(0, rejected, reason)
        if not self._ready.is_set():
            await self._wait_until_ready()
        kept = await self._keeper.keep(batch)
        return kept._replace(rejected=kept.rejected + rejected, reason=reason or kept.reason)

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(self._ready_timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise RetryableError("the store is not ready yet", retry_after_s=NOT_READY_RETRY_AFTER_S) from None

    def _count(self, signal: Signal, transport: str, outcome: Appended | Refusal, batch: Batch | None) -> None:
        accepted, refused = (
            counters[signal.items].labels(self._receiver, transport) for counters in (ACCEPTED_ITEMS, REFUSED_ITEMS)
        )
        if isinstance(outcome, Refusal):
            refused.inc(signal.count(batch.message) if batch is not None else 0)
            kind = "refused" if outcome.http_status in (429, 503) else "invalid"
            if outcome.reason:
                INVALID_REQUESTS.labels(transport, outcome.reason).inc()
        else:
            accepted.inc(outcome.accepted)
            refused.inc(outcome.rejected)
            kind = "partial" if outcome.rejected else "success"
        REQUESTS.labels(transport, kind).inc()
