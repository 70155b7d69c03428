"""Brings what is owed to one target there: whatever happens, each request is settled, dropped or cut, once.

Small requests travel together. When the target will not take them so, they go one by one, so that only what is at
fault is lost; what is too large goes in halves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from collector.outgoing.circuit import Circuit
from collector.outgoing.forwarder import Forwarder, OversizeError, Receipt
from collector.outgoing.settings import ForwarderConfig
from collector.outgoing.splitting import can_be_joined, halves, portions
from domain.errors import PermanentError, RetryableError
from domain.signals import SIGNALS, Signal
from store.forwarding import ForwardQueue, Queued
from telemetry.metrics import FORWARD_RETRIES, FORWARD_SPLITS, IN_FLIGHT_REQUESTS, SEND_FAILED_ITEMS, SENT_ITEMS
from telemetry.seldom import Seldom

REFUSED, TOO_LARGE, GIVEN_UP, UNKNOWN = "refused", "too_large", "retries_exhausted", "unknown_signal"
JOINED_BYTES = 4 * 1024 * 1024  # more would save no round trips worth the memory that each consumer then holds
_LEAST_LIMIT_BYTES = 1_024
_GROWTH = 64
_RETRY_QUEUE_S = 5.0
_SAID_MAX_CHARS = 300
_BY_NAME = {signal.name: signal for signal in SIGNALS}
_log = structlog.get_logger(__name__)
Batch = Sequence[Queued]


class Sender:
    """Sends to the target of one forwarder; larger requests than `limit`, as far as is known now, it does not take."""

    def __init__(
        self,
        name: str,
        config: ForwarderConfig,
        forwarder: Forwarder,
        queue: ForwardQueue,
        circuit: Circuit,
        now: Callable[[], float],
    ) -> None:
        self._name = name
        self._retry = config.retry_on_failure
        self._most_bytes = config.max_request_bytes
        self._forwarder = forwarder
        self._queue = queue
        self._circuit = circuit
        self._now = now
        self._seldom = Seldom(now)
        self.limit = config.max_request_bytes

    @property
    def joined_bytes(self) -> int:
        """The size up to which requests are joined now."""
        return min(self.limit, JOINED_BYTES)

    async def prepare(self, taken: Sequence[Queued]) -> list[Batch]:
        """Batches to deliver; a request above the limit is cut first, and its parts are taken in their turn.

        A queue may hold signals that only a newer version knows; those are dropped.
        """
        batches: list[list[Queued]] = []
        open_batches: dict[str, tuple[list[Queued], int]] = {}
        for queued in taken:
            size = len(queued.request)
            if queued.signal not in _BY_NAME:
                await self._queue.drop(self._name, [queued.id], UNKNOWN)
                continue
            if size > self.limit and await self._cut(queued):
                continue
            batch, used = open_batches.get(queued.signal, ([], 0))
            if batch and used + size <= self.joined_bytes and can_be_joined(_BY_NAME[queued.signal]):
                batch.append(queued)
            else:
                batch, used = [queued], 0
                batches.append(batch)
            open_batches[queued.signal] = batch, used + size
        return list(batches)

    async def deliver(self, batch: Batch) -> None:
        """Send a batch until that is settled; what is left when the circuit stops stays owed."""
        signal = _BY_NAME[batch[0].signal]
        started_s = self._now()
        while True:
            try:
                receipt = await self._circuit.attempt(lambda: self._send(signal, batch))
                return await self._settle(signal, batch, receipt)
            except OversizeError as error:
                return await self._too_large(signal, batch, error)
            except PermanentError as error:
                return await self._refused(signal, batch, error)
            except RetryableError as error:
                if self._circuit.is_stopping:
                    return
                if not self._may_try_again(started_s):
                    return await self._drop(signal, batch, GIVEN_UP, error)
                FORWARD_RETRIES.labels(self._name).inc()
                self._say("forward_failed_will_retry", signal, "retry", len(batch), error)

    async def _send(self, signal: Signal, batch: Batch) -> Receipt:
        request = batch[0].request if len(batch) == 1 else b"".join(queued.request for queued in batch)
        with IN_FLIGHT_REQUESTS.labels(self._name).track_inprogress():
            receipt = await self._forwarder.forward(signal, request)
        if len(request) > self.limit // 2:
            self.limit = min(self._most_bytes, self.limit + self.limit // _GROWTH)
        return receipt

    async def _settle(self, signal: Signal, batch: Batch, receipt: Receipt) -> None:
        ids = [queued.id for queued in batch]
        items = await self._insist(lambda: self._queue.settle(self._name, ids, rejected=receipt.rejected))
        rejected = min(receipt.rejected, items)
        SENT_ITEMS[signal.items].labels(self._name).inc(items - rejected)
        if receipt.rejected or receipt.message:
            SEND_FAILED_ITEMS[signal.items].labels(self._name).inc(rejected)
            self._say("forward_partly_refused", signal, "rejected", receipt.rejected, receipt.message)

    async def _too_large(self, signal: Signal, batch: Batch, error: OversizeError) -> None:
        size = sum(len(queued.request) for queued in batch)
        self.limit = max(_LEAST_LIMIT_BYTES, min(self.limit, size // 2))
        if len(batch) > 1:
            middle = len(batch) // 2
            await self.deliver(batch[:middle])
            return await self.deliver(batch[middle:])
        parts = await _cut_on_a_thread(halves, batch[0].request)
        if not parts:
            return await self._drop(signal, batch, TOO_LARGE, error)
        await self._replace(batch[0], parts)

    async def _refused(self, signal: Signal, batch: Batch, error: PermanentError) -> None:
        if len(batch) == 1:
            return await self._drop(signal, batch, REFUSED, error)
        for queued in batch:
            await self.deliver([queued])

    async def _drop(self, signal: Signal, batch: Batch, reason: str, error: Exception) -> None:
        ids = [queued.id for queued in batch]
        items = await self._insist(lambda: self._queue.drop(self._name, ids, reason))
        SEND_FAILED_ITEMS[signal.items].labels(self._name).inc(items)
        self._say("forward_dropped", signal, reason, items, error)

    async def _cut(self, queued: Queued) -> bool:
        limit = self.limit
        parts = await _cut_on_a_thread(lambda request: portions(request, limit), queued.request)
        if len(parts) > 1:
            await self._replace(queued, parts)
        return len(parts) > 1

    async def _replace(self, queued: Queued, requests: Sequence[bytes]) -> None:
        signal = _BY_NAME[queued.signal]
        counts = [signal.count(signal.request.FromString(request)) for request in requests]
        parts = [
            Queued(0, queued.signal, request, items, queued.queued_ns)
            for request, items in zip(requests, counts, strict=True)
        ]
        FORWARD_SPLITS.labels(self._name).inc()
        await self._insist(lambda: self._queue.replace(self._name, queued, parts))

    async def _insist(self, change: Callable[[], Awaitable[int | None]]) -> int:
        """Change the queue, however long its disk is full; when the circuit stops, it is not changed: 0."""
        while True:
            try:
                return await change() or 0
            except RetryableError as error:
                if self._seldom.due("queue"):
                    _log.warning("forward_queue_not_changed", forwarder=self._name, error=str(error))
                await self._circuit.pause(error.retry_after_s or _RETRY_QUEUE_S)
                if self._circuit.is_stopping:
                    return 0

    def _may_try_again(self, started_s: float) -> bool:
        longest_s = self._retry.max_elapsed_time.total_seconds()
        return self._retry.enabled and (not longest_s or self._now() - started_s < longest_s)

    def _say(self, event: str, signal: Signal, reason: str, count: int, said: Exception | str) -> None:
        """Log at most once a minute for each reason."""
        total = self._seldom.due((event, signal.name, reason), count)
        if total:
            words = " ".join(str(said).split())[:_SAID_MAX_CHARS]
            _log.warning(event, forwarder=self._name, signal=signal.name, reason=reason, count=total, said=words)


async def _cut_on_a_thread(cut: Callable[[bytes], list[bytes]], request: bytes) -> list[bytes]:
    """Parts of a request; none of bytes that cannot be cut."""
    try:
        return await asyncio.to_thread(cut, request)
    except PermanentError:
        return []
