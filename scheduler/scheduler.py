"""The scheduler: fires schedules, heeds alarms, works the run queue, and forgets what is old.

All of it while its `async with` lasts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from pydantic import Field

from domain.component import ComponentConfig
from domain.quantities import Duration
from domain.runs import TERMINAL_STATUSES, Run
from scheduler.engine_settings import EngineSettings
from scheduler.job import Job
from scheduler.process import child_command
from scheduler.schedules import CatchUp, Schedules
from scheduler.triggers import Triggers
from scheduler.worker import Limits, Worker
from store.base import ControlStore
from telemetry.logs import LogFormat, LogLevel

_FORGET_EVERY_S = 3_600.0
_ZERO = timedelta(0)
_LOG = structlog.get_logger()


class Config(ComponentConfig):
    """The `scheduler` part of halo.yaml: when to look, and how long."""

    max_concurrent_runs: int = Field(default=1, ge=1, description="Analyses under way at once; one for each agent.")
    run_timeout: Duration = Field(
        default=timedelta(minutes=30), gt=_ZERO, description="A run that takes longer is stopped and is `timed_out`."
    )
    settle_timeout: Duration = Field(
        default=timedelta(minutes=1),
        ge=_ZERO,
        description="How long a run waits for traces whose root has ended to become quiet (store.traces.quiet).",
    )
    max_attempts: int = Field(
        default=3, ge=1, description="How often a run is tried whose analysis process dies, before it is `failed`."
    )
    catch_up: CatchUp = Field(
        default="latest",
        description="Slots missed while the sidecar was down: `latest` runs the last one once, `skip` none.",
    )
    poll_interval: Duration = Field(
        default=timedelta(milliseconds=250), gt=_ZERO, description="How often queue and schedules are looked at."
    )
    heartbeat_interval: Duration = Field(
        default=timedelta(seconds=15), gt=_ZERO, description="How often a run under way says so in its events."
    )
    stop_grace: Duration = Field(
        default=timedelta(seconds=5),
        ge=_ZERO,
        description="How long a stopped analysis process has before it is killed.",
    )
    keep_runs: int = Field(
        default=200, ge=1, description="Ended runs kept of each agent, with report and evidence; the oldest go."
    )
    keep_runs_for: Duration = Field(
        default=timedelta(days=90),
        gt=_ZERO,
        description="Runs that ended before this go; an agent's last report stays.",
    )


class Scheduler:
    """Owns the worker and the task that fires schedules; all that it does, it does through the control store."""

    def __init__(
        self,
        config: Config,
        control: ControlStore,
        *,
        directory: Path,
        exporters: Sequence[str] = (),
        detectors: Mapping[str, Any] | None = None,
        engine: EngineSettings | None = None,
        backend: str = "sqlite",
        log_level: LogLevel = "info",
        log_format: LogFormat = "console",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        command: Sequence[str] | None = None,
        triggers: Triggers | None = None,
    ) -> None:
        self._config = config
        self._control = control
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._job = Job(
            directory=directory.absolute(),
            backend=backend,
            run_id="",
            attempt=0,
            exporters=tuple(exporters),
            detectors=dict(detectors or {}),
            engine=engine.revealed() if engine is not None else {},
            run_timeout_s=config.run_timeout.total_seconds(),
            settle_timeout_s=config.settle_timeout.total_seconds(),
            log_level=log_level,
            log_format=log_format,
        )
        self._schedules = Schedules(control, catch_up=config.catch_up, now=now)
        self._triggers = triggers
        self._worker = Worker(
            control,
            job_of=self._job_of,
            command=child_command() if command is None else command,
            limits=limits_of(config),
            clock=clock,
            sleep=sleep,
        )
        self._stopping = asyncio.Event()
        self._stack = AsyncExitStack()
        self._firing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._worker)
        self._firing = asyncio.create_task(self._keep_firing(), name="fire schedules")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop firing, then stop runs under way; those go back to the queue."""
        self._stopping.set()
        if self._firing is not None:
            await self._firing
        await self._stack.aclose()

    def take_no_more(self) -> None:
        """Fire and claim nothing from now on: the sidecar is stopping, and the next start takes what waits."""
        self._stopping.set()
        self._worker.take_no_more()

    def _job_of(self, run: Run) -> Job:
        return self._job.model_copy(update={"run_id": run.id, "attempt": run.attempt})

    async def _keep_firing(self) -> None:
        forget_at, look_at, told = self._clock(), self._clock(), ""
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(self._schedules.fire_due)
                if self._clock() >= forget_at:
                    forget_at = self._clock() + _FORGET_EVERY_S
                    await asyncio.to_thread(self._forget)
                if self._triggers is not None and self._clock() >= look_at:
                    look_at = self._clock() + self._triggers.interval_s
                    await asyncio.to_thread(self._triggers.ask_for_runs)
                told = ""
            except Exception as error:
                if str(error) != told:  # tried again several times a second
                    told = str(error)
                    _LOG.warning("scheduler_failed", error=told)
            await self._sleep(self._config.poll_interval.total_seconds())

    def _forget(self) -> None:
        before = self._now() - self._config.keep_runs_for
        while forgotten := self._control.forget_runs(keep=self._config.keep_runs, before=before):
            _LOG.info("runs_forgotten", runs=forgotten)
        for state in (self._job.directory / "checkpoints").glob("*.json"):
            run = self._control.run(state.stem)
            if run is None or run.status in TERMINAL_STATUSES:  # it was stopped, so it could not clear up itself
                state.unlink(missing_ok=True)


def limits_of(config: Config) -> Limits:
    """What the worker keeps to."""
    return Limits(
        concurrent_runs=config.max_concurrent_runs,
        attempts=config.max_attempts,
        run_timeout_s=config.run_timeout.total_seconds(),
        poll_s=config.poll_interval.total_seconds(),
        heartbeat_s=config.heartbeat_interval.total_seconds(),
        stop_grace_s=config.stop_grace.total_seconds(),
    )
