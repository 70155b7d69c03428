"""Schedules as the store keeps them, and the transaction in which a slot becomes a run."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import PermanentError
from domain.runs import Cadence, RunOptions
from store.control import SqliteControl
from tests.store.control_kit import HOURLY, START, WINDOW, Clock, opened, scheduled

NEXT = START + timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def control(tmp_path: Path, clock: Clock) -> Iterator[SqliteControl]:
    with opened(tmp_path, clock) as store:
        yield store


def due(control: SqliteControl):
    schedule = scheduled(control, options=RunOptions(span_limit=9))
    return control.update_schedule(schedule.id, {"next_fire_at": START})


def test_a_schedule_is_kept_as_it_was_made(tmp_path, clock):
    """Nobody looks at it again for months."""
    cadence = Cadence(frequency="weekly", minutes=(0, 30), hours=(3,), days_of_week=(0, 6), timezone="Europe/Berlin")
    with opened(tmp_path, clock) as before:
        made = scheduled(before, cadence, lookback_hours=0.5, enabled=False)

    with opened(tmp_path, clock) as after:
        assert after.schedule(made.id[:6]) == made
        assert after.schedules() == [made]
        assert (made.cadence, made.lookback_hours, made.enabled, made.next_fire_at) == (cadence, 0.5, False, None)


def test_a_changed_schedule_keeps_the_rest_and_is_planned_again(control, clock):
    """The slot that was next may not be one any more."""
    schedule = due(control)
    clock.move(minutes=5)

    retitled = control.update_schedule(schedule.id, {"title": "weekly"})
    assert (retitled.title, retitled.next_fire_at) == ("weekly", START)
    moved = control.update_schedule(schedule.id, {"cadence": Cadence(frequency="hourly", minutes=(5,))})
    assert (moved.title, moved.next_fire_at) == ("weekly", None)
    assert moved.updated_at == START + timedelta(minutes=5)
    same = control.update_schedule(due(control).id, {"cadence": HOURLY, "enabled": True})
    assert same.next_fire_at == START


def test_a_change_that_does_not_fit_is_refused_in_one_line(control):
    """The store's callers pass on what a person typed."""
    schedule = scheduled(control)

    with pytest.raises(PermanentError, match=r"^colour: extra inputs are not permitted$"):
        control.update_schedule(schedule.id, {"colour": "red"})
    assert control.update_schedule("no-such-schedule", {"title": "x"}) is None


def test_archived_schedules_are_listed_only_when_asked_for(control):
    """They are history."""
    old, new = scheduled(control), scheduled(control)
    control.update_schedule(old.id, {"archived": True})

    assert [each.id for each in control.schedules()] == [new.id]
    assert [each.id for each in control.schedules(include_archived=True)] == [new.id, old.id]


def test_a_slot_becomes_one_run_and_the_schedule_moves_on(control):
    """Both or neither: a crash in between would fire twice or never."""
    schedule = due(control)

    run = control.fire_schedule(schedule.id, START, WINDOW, NEXT)
    assert (run.origin, run.schedule_id, run.scheduled_for, run.window) == ("scheduled", schedule.id, START, WINDOW)
    assert run.options.span_limit == 9
    assert control.run(run.id) == run
    assert control.conversation(run.conversation_id).title == "nightly, 2026-03-02 12:00 UTC"
    after = control.schedule(schedule.id)
    assert (after.next_fire_at, after.last_fired_for) == (NEXT, START)
    assert control.fire_schedule(schedule.id, START, WINDOW, NEXT) is None
    assert len(control.runs()) == 1


def test_a_slot_is_passed_over_while_the_last_run_still_waits(control):
    """A queue of outdated analyses helps nobody."""
    schedule = due(control)
    first = control.fire_schedule(schedule.id, START, WINDOW, NEXT)

    assert control.fire_schedule(schedule.id, NEXT, WINDOW, NEXT + timedelta(hours=1)) is None
    after = control.schedule(schedule.id)
    assert (after.next_fire_at, after.last_fired_for) == (NEXT + timedelta(hours=1), START)
    assert [run.id for run in control.runs()] == [first.id]


@pytest.mark.parametrize(
    "change", [{"enabled": False}, {"archived": True}, {"cadence": Cadence(frequency="hourly", minutes=(9,))}]
)
def test_a_schedule_that_was_changed_meanwhile_does_not_fire(control, change):
    """Somebody switched it off a moment ago."""
    schedule = due(control)
    control.update_schedule(schedule.id, change)

    assert control.fire_schedule(schedule.id, START, WINDOW, NEXT) is None
    assert control.runs() == []
    assert control.schedule(schedule.id).next_fire_at is None


def test_firing_what_does_not_exist_does_nothing(control):
    """It may have been there when the scheduler looked."""
    assert control.fire_schedule("no-such-schedule", START, WINDOW, NEXT) is None
