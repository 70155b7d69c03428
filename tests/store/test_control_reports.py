"""A report is saved once and whole, with all that hangs on it, or not at all."""

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import PermanentError
from store.control import SqliteControl, open_control
from store.evidence import read_evidence
from tests.store.control_kit import EVIDENCE, START, Clock, claimed, opened, queued, report_of, saved, started

SAVE_ONE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from store.control import open_control
from tests.store.control_kit import saved

with open_control(Path(sys.argv[1]), now=lambda: datetime.now(UTC)) as control:
    run = control.run(sys.argv[2])
    print("ready", flush=True)
    sys.stdin.readline()
    print(saved(control, run))
"""

DIE_WHILE_SAVING = """
import os, signal, sys
from pathlib import Path
from tests.store.control_kit import EVIDENCE, opened, report_of

class Fatal(list):
    def __iter__(self):
        os.kill(os.getpid(), signal.SIGKILL)

control = opened(Path(sys.argv[1]))
run = control.run(sys.argv[2])
control.save_report(run.id, run.attempt, report_of(run), "# x", EVIDENCE, Fatal())
"""


class Dying(Sequence[str]):
    """Exporters that cannot be listed: the save dies between its steps."""

    def __getitem__(self, _):
        raise OSError("the machine stopped")

    def __len__(self):
        return 1


@pytest.fixture
def control(tmp_path: Path) -> Iterator[SqliteControl]:
    with opened(tmp_path) as store:
        yield store


def row_counts(directory: Path) -> dict[str, int]:
    with closing(sqlite3.connect(directory / "control.db")) as connection:
        tables = ("reports", "messages", "deliveries")
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def test_run_report_message_evidence_and_deliveries_are_there_after_a_restart(tmp_path):
    """What a run leaves is the precious part."""
    with opened(tmp_path) as before:
        run = claimed(before)
        assert saved(before, run)

    with opened(tmp_path) as after:
        ended = after.run(run.id)
        assert (ended.status, ended.report_id, ended.traces, ended.spans) == ("completed", f"report-of-{run.id}", 2, 7)
        assert after.report(run.id) == report_of(run)
        conversation = after.conversation(run.conversation_id)
        assert [(each.role, each.content, each.run_id) for each in conversation.messages] == [
            ("assistant", "# All is well.", run.id)
        ]
        assert conversation.latest_run_status == "completed"
        assert conversation.runs[0].report == report_of(run).model_dump(mode="json")
        assert conversation.datasets[0].spans == 7
        assert read_evidence(after.evidence(run.id)).rows == EVIDENCE.rows
        assert [each.exporter for each in after.deliveries(run.id)] == ["file", "webhook/slack"]
        assert [event.type for event in after.events(run.id)] == ["queued", "report_saved", "completed"]


def test_a_save_that_dies_between_its_steps_leaves_nothing(tmp_path):
    """Half a report would be delivered, or never again made."""
    with opened(tmp_path) as control:
        run = claimed(control)
        with pytest.raises(OSError, match="the machine stopped"):
            control.save_report(run.id, run.attempt, report_of(run), "# x", EVIDENCE, Dying())

        assert row_counts(tmp_path) == {"reports": 0, "messages": 0, "deliveries": 0}
        assert control.run(run.id).status == "starting"
        assert saved(control, run)
        assert row_counts(tmp_path) == {"reports": 1, "messages": 1, "deliveries": 2}


def test_a_process_killed_while_it_saves_leaves_nothing_and_the_run_is_taken_again(tmp_path):
    """`kill -9` inside the transaction, report and message already written."""
    with opened(tmp_path) as before:
        run = claimed(before)
        killed = started(DIE_WHILE_SAVING, str(tmp_path), run.id)
        killed.communicate(timeout=60)
        assert killed.returncode == -9

    with opened(tmp_path) as after:
        assert row_counts(tmp_path) == {"reports": 0, "messages": 0, "deliveries": 0}
        after.recover_runs()
        assert saved(after, after.claim_run())
        assert row_counts(tmp_path) == {"reports": 1, "messages": 1, "deliveries": 2}


def test_an_attempt_that_is_no_longer_the_current_one_saves_nothing(control):
    """An orphan's report would be the second of its run."""
    run = claimed(control)
    control.requeue_run(run.id, 1)
    again = control.claim_run()

    assert not saved(control, run)
    assert control.report(run.id) is None
    assert saved(control, again)
    assert not saved(control, again)
    assert len(control.reports()) == 1


def test_an_attempt_whose_run_waits_again_may_still_save(control):
    """The parent died, the child did not yet know: its report is as good as another's, and there is only one."""
    run = claimed(control)
    control.recover_runs()

    assert saved(control, run)
    assert control.claim_run() is None


def test_threads_that_race_to_save_leave_one_report(control):
    """Exactly once, whoever wins."""
    run = claimed(control)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: saved(control, run), range(6)))
    assert sorted(answers) == [False] * 5 + [True]
    assert len(control.deliveries(run.id)) == 2


def test_processes_that_race_to_save_leave_one_report(tmp_path):
    """An orphaned child and the one that replaced it."""
    with opened(tmp_path) as control:
        run = claimed(control)
        racers = [started(SAVE_ONE, str(tmp_path), run.id) for _ in range(2)]
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 2
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        answers = [racer.communicate(timeout=60)[0].split()[-1] for racer in racers]

        assert sorted(answers) == ["False", "True"]
        assert row_counts(tmp_path) == {"reports": 1, "messages": 1, "deliveries": 2}


def test_a_delivery_has_the_same_id_however_often_the_run_was_taken(tmp_path):
    """It is how a receiver recognises what it already has."""
    found = []
    for name, restarts in (("once", 0), ("twice", 1)):
        ids = iter(["run-0001", "conversation-1"])
        with open_control(tmp_path / name, now=Clock(), new_id=ids.__next__) as control:
            run = claimed(control)
            for _ in range(restarts):
                control.requeue_run(run.id, run.attempt)
                run = control.claim_run()
            saved(control, run)
            found.append([each.id for each in control.deliveries(run.id)])

    assert found[0] == found[1]
    assert len(set(found[0])) == 2


def test_a_report_is_found_by_its_id_or_its_runs(control):
    """People have one of them at hand."""
    run = claimed(control)
    saved(control, run)

    assert control.report(run.id[:8]).run_id == run.id
    assert control.report(f"REPORT-OF-{run.id[:8]}").run_id == run.id
    assert control.report("report-of-nobody") is None
    with pytest.raises(PermanentError, match="at least 4 characters"):
        control.report("rep")
    other = claimed(control)
    saved(control, other)
    with pytest.raises(PermanentError, match="several reports"):
        control.report("report-of-")


def test_reports_and_conversations_are_listed_newest_first(control):
    """The next run compares itself with the first of the list."""
    runs = [claimed(control, agent) for agent in ("a", "b")]
    for run in runs:
        saved(control, run)

    assert [report.run_id for report in control.reports()] == [runs[1].id, runs[0].id]
    assert [report.run_id for report in control.reports(agent_uuid="a")] == [runs[0].id]
    assert control.reports(limit=1, offset=2) == []
    listed = control.conversations()
    assert [each.id for each in listed] == [runs[1].conversation_id, runs[0].conversation_id]
    assert {(each.latest_run_status, each.messages, each.title) for each in listed} == {("completed", (), "a run")}


def settle_all(control: SqliteControl, run_id: str) -> None:
    for delivery in control.deliveries(run_id):
        control.settle_delivery(delivery.id)


def test_old_runs_are_forgotten_whole_but_for_the_last_report_and_what_is_owed(tmp_path):
    """Everything has a limit, and a comparison with the last report must stay possible."""
    clock = Clock()
    with opened(tmp_path, clock) as control:
        runs = []
        for number in range(5):
            run = claimed(control)
            saved(control, run)
            if number != 1:
                settle_all(control, run.id)
            runs.append(run)
            clock.move(days=1)
        waiting = queued(control)

        assert control.forget_runs(keep=3, before=START) == 1
        assert [run.id for run in control.runs()] == [waiting.id, *(run.id for run in runs[:0:-1])]
        assert control.forget_runs(keep=100, before=START + timedelta(days=100)) == 2
        left = {run.id for run in control.runs()}
        assert left == {waiting.id, runs[1].id, runs[4].id}
        assert control.report(runs[0].id) is None
        assert control.events(runs[0].id) == []
        assert control.conversation(runs[0].conversation_id) is None
        assert {each.id for each in control.conversations()} == {
            run.conversation_id for run in (waiting, runs[1], runs[4])
        }
        assert row_counts(tmp_path) == {"reports": 2, "messages": 2, "deliveries": 4}


def test_a_run_without_evidence_says_so(control):
    """Only reports rest on something."""
    assert control.evidence(claimed(control).id) is None
