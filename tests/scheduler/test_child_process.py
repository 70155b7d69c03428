"""The analysis process as the operating system sees it: nobody's orphan, and harmless when it cannot begin."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scheduler.child import ORPHANED, TRY_AGAIN
from scheduler.job import Job
from store.control import SqliteControl
from tests.scheduler import endless_window
from tests.scheduler.worker_kit import is_alive
from tests.store.control_kit import REPOSITORY, Clock, claimed, opened

BOUND_S = 60
PARENT = """
import asyncio, sys
from scheduler.process import Child, child_command

async def main():
    child = await Child.start(child_command(), (sys.argv[1] + "\\n").encode())
    print("started", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def control(tmp_path):
    with opened(tmp_path, Clock()) as store:
        yield store


@contextmanager
def started(command: list[str]):
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + BOUND_S
    while not (answer := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return answer


def endless_job(control: SqliteControl, directory: Path) -> Job:
    run_id = claimed(control).id
    return Job(directory=directory, backend=endless_window.NAME, run_id=run_id, attempt=1, settle_timeout_s=3_600)


def opener(directory: Path) -> int:
    """The pid of the process that opened the endless window."""
    path = directory / "opened-by"
    return int(until(lambda: path.exists() and path.read_text().endswith("\n") and path.read_text()))


def test_a_process_whose_standard_input_ends_ends_too(control, tmp_path):
    """That is how it learns that its parent is dead."""
    job = endless_job(control, tmp_path)
    with started([sys.executable, "-m", "scheduler.child"]) as child:
        child.stdin.write(job.line())
        child.stdin.flush()
        assert opener(tmp_path) == child.pid
        assert child.poll() is None
        child.stdin.close()
        child.stdin = None
        assert child.wait(BOUND_S) == ORPHANED

    assert control.run(job.run_id).status == "starting"


def test_a_process_does_not_outlive_a_parent_that_is_killed(control, tmp_path):
    """Two children on one run would follow, and one on a node that is to be empty."""
    job = endless_job(control, tmp_path)
    with started([sys.executable, "-c", PARENT, job.model_dump_json()]) as parent:
        assert parent.stdout.readline() == b"started\n"
        child = opener(tmp_path)
        os.kill(child, 0)
        parent.send_signal(signal.SIGKILL)
        parent.wait(BOUND_S)

        until(lambda: not is_alive(child))


def test_a_process_that_cannot_open_the_store_asks_to_be_tried_again(control, tmp_path):
    """The moment may be at fault, and the run is not."""
    job = Job(directory=tmp_path, run_id=claimed(control).id, attempt=1)
    with started([sys.executable, "-m", "scheduler.child"]) as child:
        child.stdin.write(job.line())
        child.stdin.flush()
        assert child.wait(BOUND_S) == TRY_AGAIN

    assert control.run(job.run_id).status == "starting"
