"""Stands in for the analysis process: reads its job as that does, then behaves as a test wants it to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from scheduler.job import Job
from tests.store.control_kit import EVIDENCE, REPOSITORY, opened, report_of


def command(behaviour: str) -> list[str]:
    """How a worker starts it."""
    program = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); from tests.scheduler import fake_child as f; "
    return [sys.executable, "-c", program + f"f.main({behaviour!r})"]


def main(behaviour: str) -> None:
    job = Job.model_validate_json(sys.stdin.buffer.readline())
    (job.directory / f"{job.run_id}-{job.attempt}.pid").write_text(str(os.getpid()))
    BEHAVIOURS[behaviour](job)


def succeed(job: Job) -> None:
    with opened(job.directory) as control:
        run = control.run(job.run_id)
        control.mark_running(run.id, job.attempt)
        control.save_report(run.id, job.attempt, report_of(run), "# Report", EVIDENCE, job.exporters)


def crash(_: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash_once(job: Job) -> None:
    crash(job) if job.attempt == 1 else succeed(job)


def leave(_: Job) -> None:
    sys.exit(7)


def hang(_: Job) -> None:
    while os.read(0, 1):
        pass


def hang_stubbornly(job: Job) -> None:
    """Takes no notice of SIGTERM, and has a child of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (job.directory / "grandchild.pid").write_text(str(own.pid))
    (job.directory / "ready").touch()
    hang(job)


def succeed_then_hang(job: Job) -> None:
    succeed(job)
    hang(job)


def tell(job: Job) -> None:
    """Leaves notes of how it was started."""
    notes = f"{os.getpriority(os.PRIO_PROCESS, 0)} {os.getpgid(0) == os.getpid()} {job.model_dump_json()}"
    Path(job.directory / "notes").write_text(notes)
    succeed(job)


BEHAVIOURS = {
    each.__name__: each for each in (succeed, crash, crash_once, leave, hang, hang_stubbornly, succeed_then_hang, tell)
}
