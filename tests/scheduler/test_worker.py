"""The worker and its child processes: whatever becomes of a process, its run comes to an end, once."""

import asyncio
import os

import pytest

from domain.errors import RetryableError
from scheduler.job import Job
from scheduler.worker import MAX_RESTARTS, Worker
from store.control import SqliteControl
from telemetry.metrics import REGISTRY
from tests.scheduler.worker_kit import LIMITS, Seconds, ended, events, is_alive, pid_of, until, working
from tests.store.control_kit import Clock, claimed, opened, queued


@pytest.fixture
def control(tmp_path):
    with opened(tmp_path, Clock()) as store:
        yield store


async def test_a_run_is_worked_to_its_report(control, tmp_path):
    """The plain case."""
    run = queued(control)
    before = REGISTRY.get_sample_value("halo_scheduler_runs_total", {"status": "completed"}) or 0
    async with working(control, tmp_path, "succeed"):
        run = await ended(control, run)

    assert (run.status, run.attempt, run.error) == ("completed", 1, None)
    assert control.report(run.id).run_id == run.id
    assert [each.exporter for each in control.deliveries(run.id)] == ["file"]
    assert REGISTRY.get_sample_value("halo_scheduler_runs_total", {"status": "completed"}) == before + 1


async def test_a_process_that_dies_once_costs_nothing_but_time(control, tmp_path):
    """Out of memory for a moment is no reason to have no report."""
    run = queued(control)
    async with working(control, tmp_path, "crash_once"):
        run = await ended(control, run)

    assert (run.status, run.attempt, run.error) == ("completed", 2, None)
    assert events(control, run) == ["queued", "crashed", "requeued", "report_saved", "completed"]
    assert len(control.reports()) == 1


@pytest.mark.parametrize(
    ("behaviour", "said"), [("crash", "was killed by SIGKILL"), ("leave", "ended with exit code 7")]
)
async def test_a_process_that_always_dies_fails_its_run_in_one_line(control, tmp_path, behaviour, said):
    """Trying for ever would keep the agent's other runs waiting for ever."""
    run = queued(control)
    async with working(control, tmp_path, behaviour):
        run = await ended(control, run)

    assert (run.status, run.attempt) == ("failed", LIMITS.attempts)
    assert said in run.error
    assert "\n" not in run.error
    assert events(control, run) == ["queued", *["crashed", "requeued"] * 2, "crashed", "failed"]
    assert control.reports() == []


async def test_a_process_that_cannot_be_started_fails_its_run(control, tmp_path):
    """A machine without memory for a process has none for the next either."""
    run = queued(control)
    worker = Worker(
        control,
        job_of=lambda run: Job(directory=tmp_path, run_id=run.id, attempt=run.attempt),
        command=[str(tmp_path / "no-such-program")],
        limits=LIMITS,
        clock=Seconds(),
        sleep=asyncio.sleep,
    )
    async with worker:
        run = await ended(control, run)

    assert run.status == "failed"
    assert "cannot be started" in run.error


async def test_a_run_that_takes_too_long_is_stopped_with_everything_it_started(control, tmp_path):
    """Also when the process takes no notice of being asked."""
    clock = Seconds()
    run = queued(control)
    async with working(control, tmp_path, "hang_stubbornly", clock, stop_grace_s=0.05):
        pid = await pid_of(tmp_path, run)
        await until((tmp_path / "ready").exists)
        clock.at += LIMITS.run_timeout_s - 1
        await until(lambda: "heartbeat" in events(control, run))
        assert control.run(run.id).status == "starting"
        clock.at += 1
        run = await ended(control, run)

    assert (run.status, run.error) == ("timed_out", "it took longer than 10m (scheduler.run_timeout)")
    await until(lambda: not is_alive(pid))
    await until(lambda: not is_alive(int((tmp_path / "grandchild.pid").read_text())))


async def test_a_cancelled_run_is_stopped_and_keeps_the_reason(control, tmp_path):
    """Somebody looks at the run later and wonders."""
    run = queued(control)
    async with working(control, tmp_path, "hang"):
        pid = await pid_of(tmp_path, run)
        control.request_cancel(run.id, "wrong agent")
        run = await ended(control, run)

    assert (run.status, run.cancel_reason, run.error) == ("cancelled", "wrong agent", "wrong agent")
    await until(lambda: not is_alive(pid))


async def test_a_result_that_was_saved_at_the_last_moment_stands(control, tmp_path):
    """The report is there; calling the run timed out would hide it."""
    clock = Seconds()
    run = queued(control)
    async with working(control, tmp_path, "succeed_then_hang", clock):
        await ended(control, run)
        clock.at += LIMITS.run_timeout_s
        pid = await pid_of(tmp_path, run)
        await until(lambda: not is_alive(pid))

    assert control.run(run.id).status == "completed"
    assert events(control, run) == ["queued", "report_saved", "completed"]


async def test_stopping_the_sidecar_gives_runs_back_to_the_queue(control, tmp_path):
    """A redeployment is no failure of the run."""
    run = queued(control)
    async with working(control, tmp_path, "hang"):
        pid = await pid_of(tmp_path, run)

    assert not is_alive(pid)
    assert (control.run(run.id).status, control.run(run.id).error) == ("queued", None)
    async with working(control, tmp_path, "succeed"):
        again = await ended(control, run)
    assert (again.status, again.attempt) == ("completed", 2)


async def test_a_run_under_way_says_that_it_lives(control, tmp_path):
    """Half an hour of silence looks like a crash."""
    clock = Seconds()
    run = queued(control)
    async with working(control, tmp_path, "hang", clock):
        await pid_of(tmp_path, run)
        for beat in (1, 2):
            clock.at += LIMITS.heartbeat_s
            await until(lambda beat=beat: events(control, run).count("heartbeat") == beat)

    payloads = [event.payload for event in control.events(run.id) if event.type == "heartbeat"]
    assert payloads == [{"seconds": 60}, {"seconds": 120}]


@pytest.mark.parametrize("most", [1, 2])
async def test_no_more_runs_are_under_way_than_allowed(control, tmp_path, most):
    """Each holds a window in memory."""
    for agent in ("a", "b", "c"):
        queued(control, agent)
    async with working(control, tmp_path, "hang", concurrent_runs=most) as polls:
        await until(lambda: len(list(tmp_path.glob("*.pid"))) == most)
        await polls.more()
        assert len(control.runs(status="starting")) == most


async def test_the_process_is_polite_and_hears_of_its_job(control, tmp_path):
    """The receiver comes first, and Ctrl-C is for the parent to handle."""
    run = queued(control)
    async with working(control, tmp_path, "tell"):
        await ended(control, run)

    niceness, leads_its_group, job = (tmp_path / "notes").read_text().split(" ", 2)
    assert int(niceness) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
    assert leads_its_group == "True"
    assert Job.model_validate_json(job) == Job(directory=tmp_path, run_id=run.id, attempt=1, exporters=("file",))


async def test_runs_cut_off_by_a_crash_are_taken_again_at_the_start(tmp_path):
    """Whoever killed the sidecar did not want to lose the report."""
    with opened(tmp_path) as before:
        run = claimed(before)

    with opened(tmp_path) as control:
        async with working(control, tmp_path, "succeed"):
            run = await ended(control, run)
    assert (run.status, run.attempt) == ("completed", 2)


async def test_a_run_that_takes_the_sidecar_down_with_it_is_given_up_in_the_end(tmp_path):
    """Else one window that does not fit into memory would keep the pod from ever staying up."""
    with opened(tmp_path) as control:
        run = claimed(control)
        for _ in range(MAX_RESTARTS - 1):
            control.recover_runs()
            run = control.claim_run()
        async with working(control, tmp_path, "succeed"):
            run = await ended(control, run)

    assert run.status == "failed"
    assert f"each of {MAX_RESTARTS} attempts" in run.error


class Forgetful(SqliteControl):
    """A store that fails the first calls of what ends a run."""

    failures = 3

    def end_run(self, *values, **named):
        if self.failures:
            self.failures -= 1
            raise RetryableError("the disk is full")
        return super().end_run(*values, **named)


async def test_a_store_that_cannot_answer_for_a_moment_does_not_lose_the_end_of_a_run(tmp_path):
    """Disks are full for a while, and the run would stay under way for ever."""
    ids = iter(f"id-{number:04}" for number in range(9))
    with Forgetful(tmp_path, Clock(), ids.__next__) as control:
        run = queued(control)
        async with working(control, tmp_path, "crash", attempts=1):
            run = await ended(control, run)

        assert run.status == "failed"
        assert events(control, run) == ["queued", "crashed", "failed"]
