"""Due schedules: one run for each slot, whatever stops in between."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import RetryableError
from domain.runs import Cadence, RunOptions
from scheduler.schedules import Schedules
from store.control import SqliteControl
from telemetry.metrics import REGISTRY
from tests.store.control_kit import HOURLY, START, Clock, opened, scheduled

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(START + timedelta(minutes=10))


@pytest.fixture
def control(tmp_path: Path, clock: Clock) -> Iterator[SqliteControl]:
    with opened(tmp_path, clock) as store:
        yield store


def schedules(control: SqliteControl, clock: Clock, catch_up: str = "latest") -> Schedules:
    return Schedules(control, catch_up=catch_up, now=clock)


def end_all(control: SqliteControl) -> None:
    while (run := control.claim_run()) is not None:
        control.end_run(run.id, run.attempt, "completed")


def slots(control: SqliteControl) -> list[timedelta]:
    return sorted(run.scheduled_for - START for run in control.runs())


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("halo_scheduler_fired_slots_total", {"outcome": outcome}) or 0.0


def test_a_new_schedule_is_planned_and_fires_at_its_slot_only(control, clock):
    """The next fire is shown to people before it happens."""
    schedule = scheduled(control, lookback_hours=6, options=RunOptions(span_limit=3))
    due = schedules(control, clock)

    assert due.fire_due() == []
    assert control.schedule(schedule.id).next_fire_at == START + HOUR
    clock.move(minutes=49, seconds=59)
    assert due.fire_due() == []
    clock.move(seconds=1)
    (run,) = due.fire_due()
    assert (run.schedule_id, run.scheduled_for, run.agent_uuid) == (schedule.id, START + HOUR, "agent-1")
    assert (run.window.start, run.window.end) == (START - 5 * HOUR, START + HOUR)
    assert run.options.span_limit == 3
    assert due.fire_due() == []
    assert control.schedule(schedule.id).next_fire_at == START + 2 * HOUR


def test_every_slot_fires_once_over_a_day_of_restarts(tmp_path, clock):
    """Whoever restarts the sidecar every few minutes gets neither more reports nor fewer."""
    with opened(tmp_path, clock) as control:
        scheduled(control)
    while clock.at < START + 24 * HOUR:
        with opened(tmp_path, clock) as control:
            for _ in range(2):
                schedules(control, clock).fire_due()
            end_all(control)
        clock.move(minutes=7)

    with opened(tmp_path, clock) as control:
        found = sorted(run.scheduled_for - START for run in control.runs(limit=100))
    assert found == [number * HOUR for number in range(1, 24)]


def test_a_slot_that_came_while_nothing_ran_is_made_up_for_once(control, clock):
    """After a night of downtime one report is wanted, of the last slot, not eight."""
    scheduled(control)
    schedules(control, clock).fire_due()
    clock.move(hours=8)
    before = counted("late")

    (run,) = schedules(control, clock).fire_due()
    assert run.scheduled_for == START + 8 * HOUR
    assert schedules(control, clock).fire_due() == []
    assert slots(control) == [8 * HOUR]
    assert counted("late") == before + 1


def test_a_schedule_made_just_before_a_crash_is_not_forgotten(control, clock):
    """Its first slot counts from when it was made, not from when somebody first looked at it."""
    scheduled(control)
    clock.move(hours=1)

    (run,) = schedules(control, clock).fire_due()
    assert run.scheduled_for == START + HOUR


def test_missed_slots_can_be_skipped(control, clock):
    """Where only fresh reports are of use."""
    schedule = scheduled(control)
    schedules(control, clock, "skip").fire_due()
    clock.move(hours=8)
    before = counted("missed")

    assert schedules(control, clock, "skip").fire_due() == []
    assert counted("missed") == before + 1
    assert control.schedule(schedule.id).next_fire_at == START + 9 * HOUR
    clock.move(minutes=50, seconds=30)
    (run,) = schedules(control, clock, "skip").fire_due()
    assert run.scheduled_for == START + 9 * HOUR


def test_a_slot_passes_while_the_last_run_still_waits(control, clock):
    """Analyses slower than their schedule must not pile up."""
    scheduled(control)
    for _ in range(3):
        clock.move(hours=1)
        schedules(control, clock).fire_due()
    assert slots(control) == [HOUR]

    end_all(control)
    clock.move(hours=1)
    schedules(control, clock).fire_due()
    assert slots(control) == [HOUR, 4 * HOUR]


@pytest.mark.parametrize("off", [{"enabled": False}, {"archived": True}])
def test_a_schedule_that_was_off_makes_up_for_nothing_when_it_is_on_again(control, clock, off):
    """Slots of that time were not missed: nobody wanted them."""
    schedule = scheduled(control)
    due = schedules(control, clock)
    due.fire_due()
    control.update_schedule(schedule.id, off)
    clock.move(hours=5)
    assert due.fire_due() == []
    control.update_schedule(schedule.id, {name: not value for name, value in off.items()})

    assert due.fire_due() == []
    clock.move(hours=1)
    assert [run.scheduled_for for run in due.fire_due()] == [START + 6 * HOUR]


def test_a_changed_cadence_counts_from_the_change(control, clock):
    """The old slot is not due any more."""
    schedule = scheduled(control)
    due = schedules(control, clock)
    due.fire_due()
    control.update_schedule(schedule.id, {"cadence": Cadence(frequency="hourly", minutes=(30,))})
    clock.move(minutes=50)

    assert [run.scheduled_for for run in due.fire_due()] == [START + timedelta(minutes=30)]
    assert control.schedule(schedule.id).next_fire_at == START + timedelta(minutes=90)


class Broken(SqliteControl):
    """A store that cannot fire one schedule; which one is set by the test."""

    broken_id = ""

    def fire_schedule(self, schedule_id, *values):
        if schedule_id == self.broken_id:
            raise RetryableError("the disk is full")
        return super().fire_schedule(schedule_id, *values)


def test_a_schedule_that_cannot_fire_holds_up_no_other_and_fires_later(tmp_path, clock):
    """Each schedule is somebody's."""
    ids = iter(f"id-{number:04}" for number in range(99))
    with Broken(tmp_path, clock, ids.__next__) as control:
        one, two = scheduled(control), scheduled(control)
        control.broken_id = two.id
        clock.move(hours=1)
        assert [run.schedule_id for run in schedules(control, clock).fire_due()] == [one.id]

        control.broken_id = ""
        assert [run.schedule_id for run in schedules(control, clock).fire_due()] == [two.id]
        assert {run.scheduled_for for run in control.runs()} == {START + HOUR}


def test_a_schedule_whose_time_zone_is_gone_holds_up_no_other(control, clock):
    """Time zone data is updated under a running sidecar."""
    scheduled(control, Cadence(frequency="hourly", minutes=(0,), timezone="Mars/Olympus"))
    fine = scheduled(control, HOURLY)
    clock.move(hours=1)

    assert [run.schedule_id for run in schedules(control, clock).fire_due()] == [fine.id]
