"""What happens to a received request before it is acknowledged: processed, stored, and queued for the forwarders."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from collector.outgoing.splitting import without
from collector.processing import Batch, Processor
from domain.errors import RetryableError
from domain.log_events import names_a_span
from domain.otlp import ExportTraceServiceRequest
from domain.signals import LOGS, TRACES
from store.base import Appended, WindowWriter
from store.forwarding import ForwardQueue
from telemetry.metrics import DROPPED_ITEMS, ENQUEUE_FAILED_ITEMS, INCOMING_ITEMS, OUTGOING_ITEMS


class _Stage:
    """The processors of one configuration, and how many batches are with them."""

    def __init__(self, processors: Mapping[str, Processor]) -> None:
        self.processors = processors
        self.batches = 0
        self.left = asyncio.Event()


class Keeper:
    """Keeps batches: when `keep` returns, all that will be kept is on disk.

    `processors` run in order, by component id; `targets` are, by signal name, the ids of the forwarders that `queue`
    feeds.
    """

    def __init__(
        self,
        window: WindowWriter,
        processors: Mapping[str, Processor] | None = None,
        queue: ForwardQueue | None = None,
        targets: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._window = window
        self._stage = _Stage(processors or {})
        self._queue = queue
        self._targets = targets or {}

    def admit(self) -> None:
        """Whether a request may be received at all; RetryableError when a processor has no room for more."""
        for processor in self._stage.processors.values():
            processor.admit()

    def use(self, processors: Mapping[str, Processor]) -> asyncio.Event:
        """Take new batches through these from now on; the event is set when no batch is with those before."""
        before, self._stage = self._stage, _Stage(processors)
        if not before.batches:
            before.left.set()
        return before.left

    async def keep(self, batch: Batch) -> Appended:
        """What became of a batch's items; those that a processor took out count as accepted.

        The window comes first: a request that cannot be queued is sent again, and the window knows its spans again,
        while a tracing backend might not.
        """
        batch, left_out = await self._process(batch)
        appended = await self._store(batch)
        if appended.accepted:
            await self._queue_for_targets(batch, appended)
        if left_out:
            DROPPED_ITEMS.labels(batch.signal.name, "processor").inc(left_out)
        return appended._replace(accepted=appended.accepted + left_out)

    async def _process(self, batch: Batch) -> tuple[Batch, int]:
        stage = self._stage
        if not stage.processors:
            return batch, 0
        received = batch.signal.count(batch.message)
        stage.batches += 1
        try:
            batch = await _through(stage.processors, batch, received)
        finally:
            stage.batches -= 1
            if stage is not self._stage and not stage.batches:
                stage.left.set()
        return batch, received - batch.signal.count(batch.message)

    async def _store(self, batch: Batch) -> Appended:
        """Traces and logs go to the window; the rest is only sent on, or counted as dropped."""
        count = batch.signal.count(batch.message)
        if not count:
            return Appended(0, 0)
        if batch.signal is TRACES:
            return await self._window.append(batch.request, batch.message)
        if batch.signal is LOGS:
            return await self._window.append_logs(batch.request, batch.message)
        if not self._targets.get(batch.signal.name):
            DROPPED_ITEMS.labels(batch.signal.name, "no_forwarder").inc(count)
        return Appended(count, 0)

    async def _queue_for_targets(self, batch: Batch, appended: Appended) -> None:
        """Owe what the window took; spans that it refused go no further."""
        signal, targets = batch.signal, self._targets.get(batch.signal.name)
        if self._queue is None or not targets:
            return
        request = batch.request
        if signal is TRACES and appended.rejected:
            request = without(request, _without_ids(batch.message))
        try:
            await self._queue.put(signal.name, request, appended.accepted, targets)
        except RetryableError:
            for target in targets:
                ENQUEUE_FAILED_ITEMS[signal.items].labels(target).inc(appended.accepted)
            raise


async def _through(processors: Mapping[str, Processor], batch: Batch, count: int) -> Batch:
    signal = batch.signal
    for component_id, processor in processors.items():
        INCOMING_ITEMS.labels(component_id, signal.name).inc(count)
        batch = await processor.process(batch)
        count = signal.count(batch.message)
        OUTGOING_ITEMS.labels(component_id, signal.name).inc(count)
    return batch


def _without_ids(message: ExportTraceServiceRequest) -> Iterator[int]:
    """The positions of the spans that the window refuses: their ids are of a wrong length or all zeroes."""
    spans = (span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans)
    for position, span in enumerate(spans):
        if not names_a_span(span):
            yield position
