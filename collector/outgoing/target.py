"""One target's part of the queue: taken in order, delivered by several consumers at once."""

import asyncio

import structlog

from collector.outgoing.circuit import Circuit
from collector.outgoing.sending import Batch, Sender
from store.forwarding import ForwardQueue

MAX_REQUESTS = 512
_RETRY_S = 5.0
_AFTER_A_FAULT_S = 30.0
_log = structlog.get_logger(__name__)


class Target:
    """Serves one target until the circuit stops; then as long as the target takes what is left."""

    def __init__(self, name: str, sender: Sender, queue: ForwardQueue, circuit: Circuit) -> None:
        self._name = name
        self._sender = sender
        self._queue = queue
        self._circuit = circuit
        self._taken_to = 0

    async def serve(self, consumers: int) -> None:
        """Take and deliver; what is cancelled stays owed."""
        slots = asyncio.Semaphore(consumers)
        under_way: set[asyncio.Task[None]] = set()
        try:
            while batches := await self._next():
                for batch in batches:
                    await slots.acquire()
                    task = asyncio.create_task(self._deliver(batch))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    task.add_done_callback(lambda _: slots.release())
            if under_way:
                await asyncio.wait(under_way)
        finally:
            left = list(under_way)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _next(self) -> list[Batch]:
        """The next batches, as soon as there are any; none when it is time to end."""
        arrived = self._queue.arrivals(self._name)
        while not (self._circuit.is_stopping and self._circuit.is_failing):
            arrived.clear()
            try:
                taken = await self._queue.take(
                    self._name, after=self._taken_to, max_requests=MAX_REQUESTS, max_bytes=self._sender.joined_bytes
                )
                batches = await self._sender.prepare(taken)
            except Exception as error:
                _log.warning("forward_queue_not_read", forwarder=self._name, error=str(error))
                if self._circuit.is_stopping:
                    break
                await self._circuit.pause(getattr(error, "retry_after_s", None) or _RETRY_S)
                continue
            if taken:
                self._taken_to = taken[-1].id
            if batches:
                return batches
            if not taken and self._circuit.is_stopping:
                break
            if not taken:
                await arrived.wait()
        return []

    async def _deliver(self, batch: Batch) -> None:
        """A batch that meets a fault of ours is tried again, slowly: it is owed all the same."""
        while not self._circuit.is_stopping or not self._circuit.is_failing:
            try:
                return await self._sender.deliver(batch)
            except Exception:
                _log.exception("forwarding_failed", forwarder=self._name)
            await self._circuit.pause(_AFTER_A_FAULT_S)
            if self._circuit.is_stopping:
                return
