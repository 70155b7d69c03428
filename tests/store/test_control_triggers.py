"""Triggered runs: an alarm that lasts for hours, in a sidecar that restarts, asks once."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from domain.runs import Run, Trigger
from store.control import SqliteControl
from tests.store.control_kit import WINDOW, Clock, opened, queued

BURST = Trigger(kind="error_burst", subject="lookup", text="lookup fails in 12 of 20 calls")
SLOW = Trigger(kind="latency_shift", subject="", text="traces take 9.0 s instead of 2.0 s")
COOL_DOWN = timedelta(hours=1)


def asked(control: SqliteControl, clock: Clock, trigger: Trigger = BURST, agent: str = "agent-1") -> Run | None:
    since = clock() - COOL_DOWN
    return control.trigger_run(agent, WINDOW, trigger, {"failing": 12}, title="an alarm", cooled_since=since)


def test_a_triggered_run_says_why_it_is_there(tmp_path: Path) -> None:
    """Somebody finds a run that nobody asked for, and wants to know what called it."""
    with opened(tmp_path) as control:
        run = asked(control, Clock())
        assert run is not None
        found, events = control.run(run.id), control.events(run.id)

    assert found == run
    assert (run.origin, run.trigger, run.status) == ("triggered", BURST, "queued")
    assert [event.type for event in events] == ["queued", "triggered"]
    assert events[1].payload == {**BURST.model_dump(mode="json"), "figures": {"failing": 12}}


def test_only_one_triggered_run_of_an_agent_waits(tmp_path: Path) -> None:
    """Five kinds of alarm at once are mostly one trouble, and one analysis sees all of it."""
    clock = Clock()
    with opened(tmp_path, clock) as control:
        first, second = asked(control, clock), asked(control, clock, SLOW)
        other = asked(control, clock, agent="agent-2")
        control.claim_run()
        third = asked(control, clock, SLOW)

    assert (first is not None, second, other is not None, third is not None) == (True, None, True, True)


def test_a_kind_of_alarm_cools_down_also_over_a_restart(tmp_path: Path) -> None:
    """A sidecar that restarts in the middle of an incident must not start it all over."""
    clock = Clock()
    with opened(tmp_path, clock) as control:
        asked(control, clock)
        run = control.claim_run()
        assert run is not None
        control.end_run(run.id, run.attempt, "failed", "no luck")
    clock.move(minutes=59)
    with opened(tmp_path, clock) as control:
        early = asked(control, clock)
        clock.move(minutes=1)
        late = asked(control, clock)

    assert (early, late is not None) == (None, True)


def test_alarms_that_were_on_at_the_same_moment_share_a_run(tmp_path: Path) -> None:
    """Failing calls are slow as well; the run that the failures asked for has seen both."""
    clock = Clock()
    with opened(tmp_path, clock) as control:
        asked(control, clock, BURST.model_copy(update={"also": (SLOW.kind,)}))
        control.claim_run()
        clock.move(minutes=59)
        early = asked(control, clock, SLOW)
        clock.move(minutes=1)
        late = asked(control, clock, SLOW)

    assert (early, late is not None) == (None, True)


def test_runs_by_hand_hold_no_trigger_back(tmp_path: Path) -> None:
    """What a person asked for has a window of its own and says nothing about the alarm."""
    clock = Clock()
    with opened(tmp_path, clock) as control:
        queued(control)
        run = asked(control, clock)

    assert run is not None


def test_a_file_of_the_version_before_keeps_its_runs(tmp_path: Path) -> None:
    """An update must cost no run, and the old ones have no trigger."""
    with opened(tmp_path) as control:
        run = queued(control)
    with closing(sqlite3.connect(tmp_path / "control.db")) as connection:
        newer = [each[0] for each in connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'finding%'")]
        for statement in (
            *(f"DROP TABLE {name}" for name in newer),
            "DROP INDEX runs_triggered",
            "ALTER TABLE runs DROP COLUMN trigger",
            "PRAGMA user_version=1",
        ):
            connection.execute(statement)
    with opened(tmp_path) as control:
        assert control.run(run.id) == run
