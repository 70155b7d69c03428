"""The outbox: what is owed to each exporter, brought there at least once.

The control store says what is owed, so it survives a restart. Each exporter has a task of its own and never waits
for another. What fails is tried again, later and later; what can never succeed is dead, with its reason.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

import structlog
from pydantic import Field

from collector.exporting import ReportExporter
from domain.component import ComponentConfig
from domain.errors import PermanentError, RetryableError
from domain.quantities import Duration
from domain.report import Report
from domain.runs import Delivery
from store.base import ControlStore
from telemetry.metrics import DELIVERIES

BATCH = 10
MAX_RETRY_AFTER_S = 3_600.0
STOP_GRACE_S = 5.0
_ERROR_MAX_CHARS = 300

_log = structlog.get_logger(__name__)


class DeliveryConfig(ComponentConfig):
    """`delivery` of halo.yaml: how reports are brought to exporters."""

    poll_interval: Duration = Field(
        default=timedelta(seconds=1), gt=timedelta(0), description="How often the outbox is looked at."
    )
    initial_backoff: Duration = Field(
        default=timedelta(seconds=5), description="The wait after a first failure; it doubles with each further one."
    )
    max_backoff: Duration = Field(default=timedelta(minutes=5), description="The longest wait between two attempts.")
    max_attempts: int = Field(
        default=300, ge=1, description="Attempts before a delivery is given up; by default about a day."
    )
    attempt_timeout: Duration = Field(
        default=timedelta(seconds=60), gt=timedelta(0), description="How long one attempt may take at most."
    )


class _Outcome(NamedTuple):
    """What an attempt came to: delivered without an error, to be tried again with a time, else dead."""

    error: str | None = None
    retry_at: datetime | None = None


class Outbox:
    """Delivers while its `async with` lasts; the exporters run as long as it does."""

    def __init__(
        self,
        config: DeliveryConfig,
        exporters: Mapping[str, ReportExporter],
        store: ControlStore,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._exporters = dict(exporters)
        self._store = store
        self._now = now
        self._chance = chance
        self._stopping = asyncio.Event()
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsettled: dict[str, _Outcome] = {}

    async def __aenter__(self) -> Self:
        try:
            for exporter in self._exporters.values():
                await self._stack.enter_async_context(exporter)
        except BaseException:
            await self._stack.aclose()
            raise
        self._tasks = {asyncio.create_task(self._serve(each), name=f"deliver {each}") for each in self._exporters}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let attempts in progress end; one that takes longer is cut off and made again after the next start."""
        self._stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def deliver_due(self, exporter_id: str) -> int:
        """Attempt what is owed to one exporter now, oldest first, at most `BATCH`; returns how many were attempted."""
        due = await asyncio.to_thread(self._store.due_deliveries, exporter_id, self._now(), BATCH)
        for attempted, delivery in enumerate(due):
            if self._stopping.is_set():
                return attempted
            await self._attempt(delivery, self._exporters[exporter_id])
        return len(due)

    async def _serve(self, exporter_id: str) -> None:
        while not self._stopping.is_set():
            try:
                if await self.deliver_due(exporter_id) == BATCH:
                    continue
            except Exception as error:
                _log.warning("outbox_failed", exporter=exporter_id, error=_one_line(error))
            try:
                async with asyncio.timeout(self._config.poll_interval.total_seconds()):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def _attempt(self, delivery: Delivery, exporter: ReportExporter) -> None:
        """One attempt, settled in the store; what could not be settled is settled next time, not exported again."""
        outcome = self._unsettled.get(delivery.id)
        if outcome is None:
            outcome = self._unsettled[delivery.id] = await self._export(delivery, exporter)
        settle = partial(self._store.settle_delivery, delivery.id, error=outcome.error, retry_at=outcome.retry_at)
        await asyncio.to_thread(settle)
        del self._unsettled[delivery.id]
        _tell(delivery, outcome)

    async def _export(self, delivery: Delivery, exporter: ReportExporter) -> _Outcome:
        try:
            async with asyncio.timeout(self._config.attempt_timeout.total_seconds()):
                report, markdown = await asyncio.to_thread(self._owed, delivery)
                await exporter.export(delivery, report, markdown, partial(self._store.evidence, delivery.run_id))
        except Exception as error:
            return _Outcome(_one_line(error), self._retry_at(delivery, error))
        return _Outcome()

    def _owed(self, delivery: Delivery) -> tuple[Report, str]:
        """The report, and the message of its run's conversation that holds it as Markdown."""
        report = self._store.report(delivery.report_id)
        run = self._store.run(delivery.run_id)
        conversation = self._store.conversation(run.conversation_id) if run is not None else None
        if report is None or conversation is None:
            raise PermanentError("the report is no longer in the store")
        said = (m.content for m in conversation.messages if m.role == "assistant" and m.run_id == delivery.run_id)
        return report, next(said, "")

    def _retry_at(self, delivery: Delivery, error: Exception) -> datetime | None:
        """When to try again; None when that cannot help or was tried often enough."""
        if isinstance(error, PermanentError) or delivery.attempts + 1 >= self._config.max_attempts:
            return None
        asked = error.retry_after_s if isinstance(error, RetryableError) else None
        return self._now() + timedelta(seconds=retry_delay_s(self._config, delivery.attempts, asked, self._chance()))


def _tell(delivery: Delivery, outcome: _Outcome) -> None:
    log = _log.bind(exporter=delivery.exporter, run_id=delivery.run_id, delivery_id=delivery.id)
    if outcome.error is None:
        log.info("report_delivered", attempt=delivery.attempts + 1)
        DELIVERIES.labels(delivery.exporter, "delivered").inc()
        return
    event = "report_delivery_retried" if outcome.retry_at else "report_delivery_given_up"
    log.warning(event, attempt=delivery.attempts + 1, error=outcome.error, retry_at=str(outcome.retry_at or "never"))
    DELIVERIES.labels(delivery.exporter, "retried" if outcome.retry_at else "dead").inc()


def retry_delay_s(config: DeliveryConfig, attempts: int, asked_s: float | None, chance: float) -> float:
    """The wait after a failure that followed `attempts` others, in seconds.

    It doubles up to `max_backoff`; of that between half and all, by `chance` in [0, 1), so that many senders do not
    return together. What the destination asked for counts when it is longer, up to an hour.
    """
    longest = config.max_backoff.total_seconds()
    delay = min(longest, config.initial_backoff.total_seconds() * 2.0 ** min(attempts, 30))
    return max(delay * (0.5 + chance / 2), min(asked_s or 0.0, MAX_RETRY_AFTER_S))


def _one_line(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the attempt took too long"
    return " ".join(str(error).split())[:_ERROR_MAX_CHARS] or type(error).__name__
