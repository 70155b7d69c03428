"""The worker: takes runs from the queue and gives each attempt a child process that it watches to the end.

The child writes its result into the store itself. The worker only decides what becomes of an attempt that did
not: too slow, cancelled, interrupted by a stop, or dead. Every decision names the attempt, so a result that was
saved in the last moment stands.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Literal, Self, TypeVar

import structlog

from domain.errors import HaloError
from domain.quantities import format_duration
from domain.runs import TERMINAL_STATUSES, Run
from scheduler.job import Job
from scheduler.process import Child
from store.base import ControlStore
from telemetry.metrics import RUN_SECONDS, RUNS

Answer = TypeVar("Answer")
MAX_RESTARTS = 20
"""Attempts after which a run is given up whose every attempt was cut off by the death of the sidecar itself."""
_ALL_EVENTS = 1_000_000
_LOG = structlog.get_logger()


@dataclass(frozen=True)
class Limits:
    """What a worker keeps to; times in seconds."""

    concurrent_runs: int
    attempts: int
    run_timeout_s: float
    poll_s: float
    heartbeat_s: float
    stop_grace_s: float


@dataclass(frozen=True)
class _Ending:
    """How an attempt's process came to its end, and a line on it."""

    kind: Literal["exited", "timed_out", "cancelled", "interrupted"]
    said: str


class Worker:
    """Works the queue while its `async with` lasts; runs cut off by its end go back to the queue."""

    def __init__(
        self,
        control: ControlStore,
        *,
        job_of: Callable[[Run], Job],
        command: Sequence[str],
        limits: Limits,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._control = control
        self._job_of = job_of
        self._command = tuple(command)
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._stopping = asyncio.Event()
        self._attended: set[asyncio.Task[None]] = set()
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for run in await asyncio.to_thread(self._control.recover_runs):
            if run.attempt >= MAX_RESTARTS and run.status not in TERMINAL_STATUSES:
                said = f"the sidecar ended during each of {run.attempt} attempts; look at less, or give it more memory"
                await asyncio.to_thread(self._control.end_run, run.id, run.attempt, "failed", said)
        self._serving = asyncio.create_task(self._serve(), name="serve the run queue")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._serving is not None:
            await self._serving
        await asyncio.gather(*self._attended, return_exceptions=True)

    def take_no_more(self) -> None:
        """Claim no further run; those under way go back to the queue."""
        self._stopping.set()

    async def _serve(self) -> None:
        told = ""
        while not self._stopping.is_set():
            try:
                await self._take()
                told = ""
            except Exception as error:
                if str(error) != told:  # tried again several times a second
                    told = str(error)
                    _LOG.warning("run_queue_failed", error=told)
            await self._sleep(self._limits.poll_s)

    async def _take(self) -> None:
        while not self._stopping.is_set() and len(self._attended) < self._limits.concurrent_runs:
            run = await asyncio.to_thread(self._control.claim_run)
            if run is None:
                return
            task = asyncio.create_task(self._attend(run), name=f"attend run {run.id}")
            self._attended.add(task)
            task.add_done_callback(self._attended.discard)

    async def _attend(self, run: Run) -> None:
        log = _LOG.bind(run_id=run.id, attempt=run.attempt)
        log.info("run_started", agent_uuid=run.agent_uuid)
        began = self._clock()
        try:
            ending = await self._watch(run)
            await self._insist(partial(self._conclude, run, ending))
            ended = await self._insist(partial(self._control.run, run.id))
        except Exception as error:
            log.error("run_abandoned", error=str(error))  # taken again at the next start
            return
        if ended is not None and ended.status in TERMINAL_STATUSES:
            seconds = self._clock() - began
            RUNS.labels(status=ended.status).inc()
            RUN_SECONDS.observe(seconds)
            log.info("run_ended", status=ended.status, seconds=round(seconds, 3), spans=ended.spans, error=ended.error)
        else:
            log.warning("run_attempt_failed", reason=ending.said)

    async def _watch(self, run: Run) -> _Ending:
        """Start the attempt's process and stay with it; on return it is gone, with everything it started."""
        try:
            child = await Child.start(self._command, self._job_of(run).line())
        except OSError as error:
            return _Ending("exited", f"the analysis process cannot be started: {error}")
        began = beat = self._clock()
        try:
            while not await child.exited(self._limits.poll_s):
                if self._stopping.is_set():
                    return _Ending("interrupted", "the sidecar was stopped")
                now = self._clock()
                if now - began >= self._limits.run_timeout_s:
                    allowed = format_duration(timedelta(seconds=self._limits.run_timeout_s))
                    return _Ending("timed_out", f"it took longer than {allowed} (scheduler.run_timeout)")
                current = await self._ask(partial(self._control.run, run.id))
                if current is not None and current.cancel_reason is not None:
                    return _Ending("cancelled", current.cancel_reason)
                if now - beat >= self._limits.heartbeat_s:
                    beat = now
                    await self._ask(
                        partial(self._control.add_event, run.id, "heartbeat", {"seconds": round(now - began)})
                    )
        finally:
            await child.stop(self._limits.stop_grace_s)
        return _Ending("exited", child.how_it_ended())

    def _conclude(self, run: Run, ending: _Ending) -> None:
        """What becomes of an attempt that left no result; for one that did, each of these changes nothing."""
        current = self._control.run(run.id)
        if current is None or current.status in TERMINAL_STATUSES or current.attempt != run.attempt:
            return
        if ending.kind in ("timed_out", "cancelled"):
            status: Literal["timed_out", "cancelled"] = "timed_out" if ending.kind == "timed_out" else "cancelled"
            self._control.end_run(run.id, run.attempt, status, ending.said)
        elif ending.kind == "interrupted":
            self._control.requeue_run(run.id, run.attempt)
        else:
            self._after_crash(run, ending.said)

    def _after_crash(self, run: Run, said: str) -> None:
        events = self._control.events(run.id, limit=_ALL_EVENTS)
        crashed = {event.payload.get("attempt") for event in events if event.type == "crashed"}
        if run.attempt not in crashed:
            self._control.add_event(run.id, "crashed", {"attempt": run.attempt, "error": said})
        if len(crashed | {run.attempt}) < self._limits.attempts:
            self._control.requeue_run(run.id, run.attempt, said)
        else:
            self._control.end_run(run.id, run.attempt, "failed", said)

    async def _ask(self, call: Callable[[], Answer]) -> Answer | None:
        """What the store answers; None when it cannot now, which the next look makes up for."""
        try:
            return await asyncio.to_thread(call)
        except HaloError as error:
            _LOG.warning("control_store_failed", error=str(error))
            return None

    async def _insist(self, call: Callable[[], Answer]) -> Answer:
        """Call until the store can answer, or the worker has to stop."""
        while True:
            try:
                return await asyncio.to_thread(call)
            except HaloError as error:
                if self._stopping.is_set():
                    raise
                _LOG.warning("control_store_failed", error=str(error))
                await self._sleep(self._limits.poll_s)
