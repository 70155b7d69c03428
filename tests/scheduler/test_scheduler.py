"""The scheduler as the sidecar runs it: a real store, a real child, one report."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from domain.runs import TERMINAL_STATUSES, Cadence, RunOptions
from domain.spans import SpanKind, SpanStatus
from scheduler.scheduler import Config, Scheduler
from store.backends.sqlite import Config as StoreConfig
from store.backends.sqlite import create
from store.control import open_control, protected_selections
from tests.scheduler import fake_child
from tests.scheduler.worker_kit import until
from tests.store.control_kit import REPOSITORY, START, Clock, claimed, opened, queued, saved, scheduled
from tests.store.window_kit import START_NS, keep, make_span

EVERY_MINUTE = Cadence(frequency="hourly", minutes=tuple(range(60)))


async def test_a_slot_becomes_a_report_over_the_spans_before_it(tmp_path):
    """Everything between a schedule and its report, with nothing faked but the time of the slot."""
    now = datetime.fromtimestamp(START_NS / 1e9, UTC) + timedelta(hours=1)
    clock = Clock(now)
    config = StoreConfig(directory=tmp_path, traces={"quiet": "100ms"}, retention={"max_age": "36500d"})
    async with create(config) as store:
        await keep(
            store,
            make_span(1, "root", kind=SpanKind.AGENT, agent__name="clerk", end_s=5),
            make_span(
                1, "call", "root", kind=SpanKind.TOOL, tool__name="refund", status=SpanStatus.ERROR, message="no"
            ),
        )
        with open_control(tmp_path, now=clock) as control, store.reader() as reader:
            agent = reader.agents()[0]
            options = {"lookback_hours": 24, "options": RunOptions(), "enabled": True}
            schedule = control.create_schedule("often", agent.uuid, EVERY_MINUTE, **options)
            fast = Config(poll_interval="10ms")
            async with Scheduler(fast, control, directory=tmp_path, exporters=["file"], now=clock):
                await until(lambda: control.schedule(schedule.id).next_fire_at)
                clock.move(minutes=1)
                await until(lambda: any(run.status in TERMINAL_STATUSES for run in control.runs()))
            (run,) = control.runs()

            assert (run.status, run.origin, run.traces, run.spans) == ("completed", "scheduled", 1, 2)
            assert run.scheduled_for == control.schedule(schedule.id).last_fired_for
            assert control.report(run.id).coverage.leaf_errors == 1
            assert [each.exporter for each in control.deliveries(run.id)] == ["file"]
            assert protected_selections(control) == []


async def test_what_is_old_is_forgotten(tmp_path):
    """A sidecar that runs for years must not fill its disk with reports."""
    clock = Clock()
    with opened(tmp_path, clock) as control:
        for _ in range(3):
            run = claimed(control)
            saved(control, run, ())
            clock.move(days=1)
        config = Config(keep_runs=1, poll_interval="10ms")
        async with Scheduler(config, control, directory=tmp_path, now=clock):
            await until(lambda: len(control.runs()) == 1)

        assert [each.id for each in control.runs()] == [run.id]


async def test_the_state_of_a_stopped_run_goes_and_that_of_one_under_way_stays(tmp_path):
    """A cancelled process cannot clear up; what it leaves holds what spans hold."""
    clock = Clock()
    with opened(tmp_path, clock) as control:
        stopped = claimed(control)
        control.end_run(stopped.id, stopped.attempt, "cancelled", "enough")
        waiting = queued(control)
        states = tmp_path / "checkpoints"
        states.mkdir()
        for name in (stopped.id, waiting.id, "unknown"):
            (states / f"{name}.json").write_text("{}")
        idle = fake_child.command("hang")
        async with Scheduler(Config(poll_interval="10ms"), control, directory=tmp_path, now=clock, command=idle):
            await until(lambda: len(list(states.iterdir())) == 1)

        assert [path.stem for path in states.iterdir()] == [waiting.id]


async def test_it_stops_at_once_and_leaves_what_waits(tmp_path):
    """A pod has thirty seconds, and a run that waits will wait on."""
    with opened(tmp_path) as control:
        run, schedule = queued(control), scheduled(control)
        async with Scheduler(Config(), control, directory=tmp_path, now=Clock(), command=fake_child.command("hang")):
            await until(lambda: control.run(run.id).status == "starting")

        assert control.run(run.id).status == "queued"
        assert control.schedule(schedule.id).next_fire_at == START + timedelta(hours=1)


def test_durations_are_written_as_people_write_them():
    """halo.yaml is read by people."""
    config = Config(run_timeout="45m", poll_interval="1s")

    assert config.run_timeout == timedelta(minutes=45)
    for wrong in ({"run_timeout": "0s"}, {"max_concurrent_runs": 0}, {"catch_up": "all"}, {"colour": "red"}):
        with pytest.raises(ValidationError):
            Config(**wrong)


@pytest.mark.parametrize("absent", ["analysis", "rendering", "engine", "openai", "numpy", "sqlite_utils"])
def test_the_serving_side_of_the_scheduler_brings_no_analysis(absent):
    """The process that receives pays for every import."""
    program = f"import sys, scheduler.scheduler; print({absent!r} in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )

    assert (answer.stdout.strip(), answer.stderr) == ("False", "")
