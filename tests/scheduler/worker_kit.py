"""A worker over fake child processes, and ways to wait for what another process does."""

import asyncio
import os
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from domain.runs import TERMINAL_STATUSES, Run
from scheduler.job import Job
from scheduler.worker import Limits, Worker
from store.control import SqliteControl
from tests.scheduler import fake_child

BOUND_S = 60
LIMITS = Limits(concurrent_runs=1, attempts=3, run_timeout_s=600, poll_s=0.01, heartbeat_s=60, stop_grace_s=20)


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


async def until(condition: Callable[[], Any]) -> Any:
    """The first truthy answer of a condition that another process will make true."""
    async with asyncio.timeout(BOUND_S):
        while not (answer := condition()):  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.01)
        return answer


class Polls:
    """Sleeps as it is told and counts how often, so that a test can wait until the worker has looked again."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, seconds: float) -> None:
        self.count += 1
        await asyncio.sleep(seconds)

    async def more(self, times: int = 3) -> None:
        enough = self.count + times
        await until(lambda: self.count >= enough)


@asynccontextmanager
async def working(control: SqliteControl, directory: Path, behaviour: str, clock: Seconds | None = None, **limits: Any):
    def job_of(run: Run) -> Job:
        return Job(directory=directory, run_id=run.id, attempt=run.attempt, exporters=("file",))

    worker = Worker(
        control,
        job_of=job_of,
        command=fake_child.command(behaviour),
        limits=replace(LIMITS, **limits),
        clock=clock or Seconds(),
        sleep=(polls := Polls()),
    )
    async with worker:
        yield polls


async def ended(control: SqliteControl, run: Run) -> Run:
    await until(lambda: control.run(run.id).status in TERMINAL_STATUSES)
    return control.run(run.id)


def events(control: SqliteControl, run: Run) -> list[str]:
    return [event.type for event in control.events(run.id)]


async def pid_of(directory: Path, run: Run, attempt: int = 1) -> int:
    path = directory / f"{run.id}-{attempt}.pid"
    return int(await until(lambda: path.exists() and path.read_text()))


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie that nobody has yet collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
