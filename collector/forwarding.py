"""Sends on what the queue owes, each target by itself: none waits for another, and no receiver for any.

The queue says what is owed, so it survives a restart. What was in flight at the end is sent again after it: at least
once, like everything that is brought over a network.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import structlog

from collector.outgoing.circuit import Circuit, Pause
from collector.outgoing.forwarder import Forwarder
from collector.outgoing.sending import Sender
from collector.outgoing.settings import ForwarderConfig
from collector.outgoing.target import Target
from domain.errors import ConfigError
from domain.signals import SIGNALS
from store.forwarding import Bound, ForwardQueue, Tally
from telemetry import metrics

_log = structlog.get_logger(__name__)


def bounds(configs: Mapping[str, ForwarderConfig]) -> dict[str, Bound]:
    """How much may be owed to each target, by forwarder id."""
    return {name: config.sending_queue.bound for name, config in configs.items()}


def targets(configs: Mapping[str, ForwarderConfig]) -> dict[str, Sequence[str]]:
    """The targets of each signal, by its name."""
    return {signal.name: [name for name, config in configs.items() if signal in config.carried] for signal in SIGNALS}


class Forwarding:
    """Forwards while its `async with` lasts; the forwarders run as long as it does.

    `now` is a clock in seconds that never goes back, `now_ns` the queue's clock of arrival, `chance` is in [0, 1) and
    `pause` sleeps.
    """

    def __init__(
        self,
        configs: Mapping[str, ForwarderConfig],
        forwarders: Mapping[str, Forwarder],
        queue: ForwardQueue,
        *,
        now: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = random.random,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._configs = dict(configs)
        self._forwarders = dict(forwarders)
        self._queue = queue
        self._now = now
        self._now_ns = now_ns
        self._circuits = {
            name: Circuit(name, config.retry_on_failure, now=now, chance=chance, pause=pause)
            for name, config in configs.items()
        }
        self._stack = AsyncExitStack()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        try:
            for name, forwarder in self._forwarders.items():
                await self._start(name, forwarder)
        except BaseException:
            await self._stack.aclose()
            raise
        for name in self._forwarders:
            self._expose(name)
            sender = Sender(
                name, self._configs[name], self._forwarders[name], self._queue, self._circuits[name], self._now
            )
            target = Target(name, sender, self._queue, self._circuits[name])
            consumers = self._configs[name].sending_queue.num_consumers
            self._tasks[name] = asyncio.create_task(target.serve(consumers), name=f"forward {name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send what is left while a target takes it, at most its `drain_timeout`; the rest stays on disk."""
        for name, circuit in self._circuits.items():
            circuit.stop()
            self._queue.arrivals(name).set()
        await asyncio.gather(*(self._end(name, task) for name, task in self._tasks.items()))
        await self._stack.aclose()

    def tally(self) -> dict[str, Tally]:
        """What became of each target's items, by forwarder id."""
        return {name: self._queue.tally(name) for name in self._configs}

    async def _start(self, name: str, forwarder: Forwarder) -> None:
        try:
            await self._stack.enter_async_context(forwarder)
        except ConfigError as error:
            raise ConfigError([f"forwarders.{name}.{problem}" for problem in error.problems]) from error

    async def _end(self, name: str, task: "asyncio.Task[None]") -> None:
        drain_s = self._configs[name].sending_queue.drain_timeout.total_seconds()
        _, late = await asyncio.wait({task}, timeout=drain_s)
        if late:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        tally = self._queue.tally(name)
        _log.info("forwarding_ended", forwarder=name, **tally._asdict())

    def _expose(self, name: str) -> None:
        """Gauges ask when they are read; counters are there before they count."""
        for signal in self._configs[name].carried:
            for counters in (metrics.SENT_ITEMS, metrics.SEND_FAILED_ITEMS, metrics.ENQUEUE_FAILED_ITEMS):
                counters[signal.items].labels(name)
        queue, circuit = self._queue, self._circuits[name]
        metrics.QUEUE_CAPACITY.labels(name).set(self._configs[name].sending_queue.bound.max_bytes)
        metrics.QUEUE_SIZE.labels(name).set_function(lambda: queue.backlog(name).size_bytes)
        metrics.FORWARD_QUEUED_ITEMS.labels(name).set_function(lambda: queue.backlog(name).items)
        metrics.FORWARD_FAILING_SECONDS.labels(name).set_function(lambda: circuit.failing_s)
        metrics.FORWARD_OLDEST_SECONDS.labels(name).set_function(lambda: self._oldest_s(name))

    def _oldest_s(self, name: str) -> float:
        oldest_ns = self._queue.backlog(name).oldest_ns
        return max(0.0, (self._now_ns() - oldest_ns) / 1e9) if oldest_ns else 0.0
