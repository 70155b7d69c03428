"""The run queue: who waits, who is taken, how an attempt ends, whatever else happens at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from domain.errors import PermanentError
from domain.runs import RunOptions
from store.base import Selection
from store.control import SqliteControl, open_control, protected_selections
from tests.store.control_kit import START, WINDOW, Clock, claimed, opened, queued, scheduled, started

CLAIM_ALL = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from store.control import open_control

sys.stdin.readline()
with open_control(Path(sys.argv[1]), now=lambda: datetime.now(UTC)) as control:
    while (run := control.claim_run()) is not None:
        print(run.id)
        control.end_run(run.id, run.attempt, "completed")
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def control(tmp_path: Path, clock: Clock) -> Iterator[SqliteControl]:
    with opened(tmp_path, clock) as store:
        yield store


def test_a_queued_run_carries_all_that_was_asked_for(control):
    """The run is the only note that the asker leaves for the worker."""
    options = RunOptions(prompt="why?", model_id="m", span_limit=5, max_subagent_depth=1, max_turns=2)
    made = control.create_run("agent-1", WINDOW, options, title="a title")
    found = control.run(made.id)

    assert found == made
    assert (found.status, found.attempt, found.options, found.window) == ("queued", 0, options, WINDOW)
    assert UUID(found.id).version == 4
    conversation = control.conversation(made.conversation_id)
    assert [(message.role, message.content) for message in conversation.messages] == [("user", "why?")]


def test_runs_are_taken_in_order_and_one_at_a_time_for_each_agent(control):
    """Two analyses of one agent would compete for the same memory and report twice."""
    first, second, other = queued(control, "a"), queued(control, "a"), queued(control, "b")

    taken = [control.claim_run(), control.claim_run(), control.claim_run()]
    assert [run and run.id for run in taken] == [first.id, other.id, None]
    assert (taken[0].status, taken[0].attempt, taken[0].started_at) == ("starting", 1, START)
    assert control.end_run(first.id, 1, "completed")
    assert control.claim_run().id == second.id


def test_a_person_may_queue_as_many_runs_as_they_like(control):
    """Each is another window or another question."""
    assert len({queued(control).id for _ in range(3)}) == 3


def test_a_schedule_has_one_run_waiting_and_each_slot_once(control):
    """A slow analysis must not build up a queue of outdated ones, and a slot must not be analysed twice."""
    slots = {"schedule_id": "s-1", "origin": "scheduled"}
    first = queued(control, scheduled_for=START, **slots)
    later = START + timedelta(hours=1)

    def again(slot):
        return control.create_run("agent-1", WINDOW, RunOptions(), title="", scheduled_for=slot, **slots)

    assert again(later) is None
    assert control.claim_run().id == first.id
    assert again(START) is None
    assert again(later) is not None
    assert [run.scheduled_for for run in control.runs(schedule_id="s-1")] == [later, START]


def test_only_the_current_attempt_can_change_its_run(control):
    """A child that outlived its parent must not end the run that another child now works on."""
    run = claimed(control)
    assert control.requeue_run(run.id, 1, "it died")
    assert control.run(run.id).error == "it died"
    again = control.claim_run()

    assert (again.attempt, again.error) == (2, None)
    assert not control.mark_running(run.id, 1)
    assert not control.end_run(run.id, 1, "failed", "late")
    assert not control.requeue_run(run.id, 1)
    assert control.mark_running(run.id, 2)
    assert not control.mark_running(run.id, 2)
    assert control.end_run(run.id, 2, "failed", "in time")
    assert not control.end_run(run.id, 2, "completed")
    assert (control.run(run.id).status, control.run(run.id).error) == ("failed", "in time")
    assert control.run(run.id).finished_at == START


def test_a_status_that_is_not_terminal_cannot_end_a_run(control):
    """The queue tells ended runs from others by one mark only."""
    run = claimed(control)

    with pytest.raises(ValueError, match="does not end a run"):
        control.end_run(run.id, 1, "queued")


def test_after_a_crash_runs_under_way_wait_again_and_cancelled_ones_end(tmp_path, clock):
    """Nobody else will take care of them."""
    before = opened(tmp_path, clock)
    crashed, cancelled = claimed(before, "a"), claimed(before, "b")
    before.mark_running(crashed.id, 1)
    waiting = queued(before, "c")
    before.request_cancel(cancelled.id, "enough")
    before.close()

    with opened(tmp_path, clock) as after:
        recovered = {run.id: run.status for run in after.recover_runs()}
        assert recovered == {crashed.id: "queued", cancelled.id: "cancelled"}
        assert after.run(waiting.id).status == "queued"
        assert after.run(cancelled.id).finished_at == START
        assert after.claim_run().attempt == 2


def test_cancelling_ends_a_waiting_run_at_once_and_asks_a_running_one(control):
    """What has not begun needs nobody to stop it."""
    running, waiting = claimed(control), queued(control)

    assert control.request_cancel(waiting.id, "changed my mind").status == "cancelled"
    asked = control.request_cancel(running.id, "too long")
    assert (asked.status, asked.cancel_reason) == ("starting", "too long")
    assert control.request_cancel(running.id, "again").cancel_reason == "too long"
    assert control.end_run(running.id, 1, "cancelled")
    assert control.request_cancel(running.id, "late").status == "cancelled"
    assert control.request_cancel("no-such-run", "?") is None


def test_a_cancelled_run_whose_attempt_dies_is_not_taken_again(control):
    """It would run although somebody asked for it not to."""
    run = claimed(control)
    control.request_cancel(run.id, "stop")

    assert control.requeue_run(run.id, 1)
    assert control.run(run.id).status == "cancelled"
    assert control.claim_run() is None


def test_a_runs_timeline_tells_what_happened_in_order(control, clock):
    """It is what a person reads who waits."""
    run = claimed(control)
    clock.move(seconds=2)
    control.add_event(run.id, "window_selected", {"traces": 3})
    control.end_run(run.id, 1, "failed", "it broke")

    events = control.events(run.id)
    assert [(event.sequence, event.type) for event in events] == [(1, "queued"), (2, "window_selected"), (3, "failed")]
    assert events[1].payload == {"traces": 3}
    assert events[1].created_at == START + timedelta(seconds=2)
    assert events[2].payload == {"error": "it broke"}
    assert [event.sequence for event in control.events(run.id, after=1, limit=1)] == [2]


def test_runs_are_listed_newest_first_and_by_agent_and_status(control):
    """Lists are pages of what somebody is looking for."""
    one, two, three = queued(control, "a"), queued(control, "b"), queued(control, "a")
    control.claim_run()

    assert [run.id for run in control.runs()] == [three.id, two.id, one.id]
    assert [run.id for run in control.runs(agent_uuid="a")] == [three.id, one.id]
    assert [run.id for run in control.runs(agent_uuid="a", status="queued")] == [three.id]
    assert [run.id for run in control.runs(limit=1, offset=1)] == [two.id]


def test_an_id_may_be_shortened_as_long_as_it_is_one(tmp_path, clock):
    """People type ids; a wrong guess must not pick somebody else's run."""
    ids = iter(["abcd1111", "conv1111", "abcd2222", "conv2222"])
    with open_control(tmp_path, now=clock, new_id=lambda: next(ids)) as control:
        one, _ = queued(control), queued(control)

        assert control.run("ABCD1") == one
        assert control.run("ffff") is None
        with pytest.raises(PermanentError, match="several runs have an id that starts with 'abcd'"):
            control.run("abcd")
        with pytest.raises(PermanentError, match="at least 4 characters"):
            control.run("abc")


def test_what_runs_under_way_read_is_protected(control):
    """Retention would take it from under them."""
    queued(control, "waits behind")
    run = claimed(control, "busy")
    control.mark_running(control.run(run.id).id, 1)
    end_ns = int(WINDOW.end.timestamp()) * 10**9

    day = 86_400 * 10**9
    assert protected_selections(control) == [Selection(end_ns - day, end_ns, ("waits behind",))]
    control.claim_run()
    assert {each.agent_uuids for each in protected_selections(control)} == {("waits behind",), ("busy",)}


def test_threads_that_race_for_runs_take_each_once(control):
    """Every call is one transaction, whoever else calls."""
    ids = {queued(control, f"agent-{number}").id for number in range(24)}

    with ThreadPoolExecutor(8) as pool:
        taken = [run for run in pool.map(lambda _: control.claim_run(), range(40)) if run is not None]
    assert sorted(run.id for run in taken) == sorted(ids)


def test_processes_that_race_for_runs_take_each_once(tmp_path):
    """The serving process and a child open the same file."""
    with opened(tmp_path) as control:
        ids = {queued(control, f"agent-{number % 7}").id for number in range(30)}
        racers = [started(CLAIM_ALL, str(tmp_path)) for _ in range(2)]
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        taken = [line for racer in racers for line in racer.communicate(timeout=60)[0].split()]

        assert sorted(taken) == sorted(ids)
        assert {run.status for run in control.runs()} == {"completed"}


def test_an_archived_schedule_leaves_its_runs(control):
    """History is not the schedule's to take."""
    schedule = scheduled(control)
    run = queued(control, schedule_id=schedule.id, scheduled_for=START, origin="scheduled")
    control.update_schedule(schedule.id, {"archived": True})

    assert [found.id for found in control.runs(schedule_id=schedule.id)] == [run.id]
