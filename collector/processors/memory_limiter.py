"""Refuses requests while the process holds too much memory, so that it is not killed; senders come back.

Above the soft limit (limit minus spike) requests are refused before they are received, and memory is given back to the
system; a spike is what requests already on their way may still take. List it first: what comes before it has spent
the memory already. As the Collector's memory_limiter, but refusals say when to come back.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import structlog
from pydantic import Field

from collector.memory import give_back, machine_limit_bytes
from collector.processing import Batch, Processor
from domain.component import ComponentConfig
from domain.errors import RetryableError
from domain.quantities import Duration, Size, format_size
from telemetry.metrics import MEMORY_LIMIT_BYTES, MEMORY_REFUSED
from telemetry.process import resident_bytes

RETRY_AFTER_S = 1.0
_LEAST_BYTES = 2**20

_log = structlog.get_logger(__name__)


class Config(ComponentConfig):
    """How much memory the process may use."""

    limit: Size | None = Field(
        default=None, ge=_LEAST_BYTES, description="Resident memory never to be passed; wins over limit_percentage."
    )
    limit_percentage: float = Field(
        default=80, gt=0, le=100, description="The limit in percent of what the container, or else the machine, has."
    )
    spike_limit: Size | None = Field(
        default=None, description="How far below the limit refusing begins; without it spike_limit_percentage counts."
    )
    spike_limit_percentage: float = Field(
        default=20, ge=0, lt=100, description="How far below the limit refusing begins, in percent of the limit."
    )
    check_interval: Duration = Field(
        default=timedelta(milliseconds=100), description="How long one look at the memory counts."
    )
    min_gc_interval: Duration = Field(
        default=timedelta(seconds=10), description="The least time between two attempts to give memory back."
    )


def create(config: Config, *, name: str) -> "MemoryLimiter":
    """A limiter of this process's resident memory."""
    return MemoryLimiter(config, name)


class MemoryLimiter(Processor):
    """Admits requests while there is room; nothing passes through it changed."""

    def __init__(
        self,
        config: Config,
        name: str,
        *,
        resident: Callable[[], int] = resident_bytes,
        now_s: Callable[[], float] = time.monotonic,
        root: Path = Path("/"),
    ) -> None:
        limit = config.limit or int(machine_limit_bytes(root) * config.limit_percentage / 100)
        spike = config.spike_limit
        spike = int(limit * config.spike_limit_percentage / 100) if spike is None else min(spike, limit)
        self.limit, self.soft_limit = limit, limit - spike
        self._name, self._resident, self._now_s = name, resident, now_s
        self._check_interval_s = config.check_interval.total_seconds()
        self._gc_interval_s = config.min_gc_interval.total_seconds()
        self._checked_s = self._given_back_s = float("-inf")
        self._used = 0
        MEMORY_LIMIT_BYTES.labels(name).set(limit)

    def admit(self) -> None:
        """As `Processor.admit`: RetryableError above the soft limit."""
        if self._now_s() - self._checked_s >= self._check_interval_s:
            self._look()
        if self._used < self.soft_limit:
            return
        MEMORY_REFUSED.labels(self._name, "hard" if self._used >= self.limit else "soft").inc()
        raise RetryableError(
            f"data refused due to high memory usage: {format_size(self._used // 2**20 * 2**20)} of "
            f"{format_size(self.limit // 2**20 * 2**20)} in use; try again later",
            retry_after_s=RETRY_AFTER_S,
        )

    async def process(self, batch: Batch) -> Batch:
        """The batch as it is; it was admitted before it was received."""
        return batch

    def _look(self) -> None:
        self._checked_s = self._now_s()
        self._used = self._resident()
        if self._used >= self.soft_limit and self._checked_s - self._given_back_s >= self._gc_interval_s:
            self._given_back_s = self._checked_s
            before = self._used
            give_back()
            self._used = self._resident()
            _log.warning("memory_high", used_bytes=before, after_bytes=self._used, limit_bytes=self.limit)
