"""One attempt at one run: what is read, and what is left."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.errors import RetryableError
from domain.runs import Run, RunOptions, RunWindow
from domain.spans import SpanKind, SpanStatus
from scheduler.analysing import report_id_of
from scheduler.child import SETTLE_POLL_S, Attempt
from scheduler.job import Job
from store.backends.sqlite import load_window
from store.base import Selected, Selection
from store.control import SqliteControl
from store.evidence import read_evidence
from tests.store.control_kit import START, Clock, opened
from tests.store.window_kit import make_span, request_of

ERROR = SpanStatus.ERROR


class Seconds:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Settling:
    """A window some of whose traces are not yet quiet at the first looks."""

    def __init__(self, reader: Any, looks: int) -> None:
        self._reader = reader
        self.looks = looks

    def select(self, selection: Selection) -> Selected:
        selected: Selected = self._reader.select(selection)
        self.looks -= 1
        return replace(selected, settling=1) if self.looks >= 0 else selected

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Six traces of one agent, in each of which a tool fails twice."""
    spans = []
    for trace in range(6):
        spans.append(make_span(trace, "root", kind=SpanKind.AGENT, agent__name="clerk", end_s=9))
        for call in (1, 2):
            made = {"tool__name": "refund", "input__value": '{"order": 1}', "status": ERROR, "message": "no such order"}
            spans.append(make_span(trace, f"call {call}", "root", kind=SpanKind.TOOL, start_s=call, **made))
    with load_window([request_of(spans).SerializeToString()], tmp_path_factory.mktemp("window")) as found:
        yield found


@pytest.fixture
def control(tmp_path):
    with opened(tmp_path, Clock()) as store:
        yield store


def taken(control: SqliteControl, reader: Any, window: RunWindow | None = None) -> Run:
    everything = RunWindow(start=START - timedelta(days=9_999), end=START)
    control.create_run(reader.agents()[0].uuid, window or everything, RunOptions(), title="")
    return control.claim_run()


def attempt(control: SqliteControl, reader: Any, run: Run, clock: Seconds | None = None, **job: Any) -> Attempt:
    made = Job(directory=Path("unused"), run_id=run.id, attempt=run.attempt, **job)
    clock = clock or Seconds()
    return Attempt(made, control, reader, now=Clock(), clock=clock, sleep=clock.sleep)


def events(control: SqliteControl, run: Run) -> list[str]:
    return [event.type for event in control.events(run.id)]


def test_a_run_over_a_window_leaves_a_report_its_evidence_and_what_is_owed(control, reader):
    """From spans to a report, in one process."""
    run = taken(control, reader)
    attempt(control, reader, run, exporters=("file", "otlp")).carry_out()

    ended = control.run(run.id)
    assert (ended.status, ended.traces, ended.spans) == ("completed", 6, 18)
    assert events(control, run) == ["queued", "started", "window_selected", "report_saved", "completed"]
    report = control.report(run.id)
    assert (report.agent.name, report.coverage.leaf_errors, report.generated_at) == ("clerk", 12, START)
    assert "refund" in report.headline
    (message,) = control.conversation(run.conversation_id).messages
    assert message.content.startswith("# ")
    evidence = read_evidence(control.evidence(run.id))
    assert len(list(evidence.rows)) == 18
    assert (evidence.meta["run_id"], evidence.meta["agent_uuid"]) == (run.id, run.agent_uuid)
    assert [each.exporter for each in control.deliveries(run.id)] == ["file", "otlp"]


def test_the_next_report_knows_the_last_one(control, reader):
    """Deltas are what a team reads every morning."""
    for _ in range(2):
        attempt(control, reader, taken(control, reader)).carry_out()

    second, first = control.reports()
    assert {finding.status for finding in first.findings} == {"new"}
    assert {finding.status for finding in second.findings} == {"persisting"}


class FullDisk(SqliteControl):
    """A store that cannot save a report now."""

    def save_report(self, *_: Any) -> bool:
        raise RetryableError("the disk is full")


def test_a_report_that_cannot_be_saved_now_leaves_the_run_to_be_taken_again(control, reader, tmp_path):
    """The moment is at fault; the worker gives it another attempt."""
    run = taken(control, reader)
    with FullDisk(tmp_path, Clock(), str) as full, pytest.raises(RetryableError):
        attempt(full, reader, run).carry_out()

    assert control.run(run.id).status == "running"
    control.requeue_run(run.id, 1)
    attempt(control, reader, control.claim_run()).carry_out()
    assert control.run(run.id).status == "completed"


def test_a_run_always_makes_the_report_of_the_same_id(reader):
    """A receiver that has seen it already recognises it."""
    assert report_id_of("a run") == report_id_of("a run")
    assert report_id_of("a run") != report_id_of("another run")


def test_it_waits_until_traces_have_become_quiet(control, reader):
    """Who starts a run right after the last span arrived wants that span in it."""
    run, clock = taken(control, reader), Seconds()
    attempt(control, Settling(reader, looks=3), run, clock).carry_out()

    assert clock.at == 3 * SETTLE_POLL_S
    assert control.report(run.id).coverage.excluded_traces == 0


def test_it_does_not_wait_for_ever(control, reader):
    """An agent that never rests is looked at as well, and the report says what it left out."""
    run, clock = taken(control, reader), Seconds()
    attempt(control, Settling(reader, looks=10**6), run, clock, settle_timeout_s=30).carry_out()

    assert clock.at == 30
    assert control.report(run.id).coverage.excluded_traces == 1


def test_without_traces_there_is_no_report(control, reader):
    """Nothing to say costs nothing and is delivered to nobody."""
    run = taken(control, reader, RunWindow(start=START, end=START + timedelta(hours=1)))
    attempt(control, reader, run, exporters=("file",)).carry_out()

    assert control.run(run.id).status == "no_traces"
    assert control.reports() == []
    assert control.deliveries(run.id) == []
    assert events(control, run) == ["queued", "started", "window_selected", "no_traces"]


def test_what_cannot_succeed_fails_in_one_line(control, reader):
    """Trying a wrong setting three times does not make it right."""
    run = taken(control, reader)
    attempt(control, reader, run, detectors={"retry_storm": {"colour": "red"}}).carry_out()

    ended = control.run(run.id)
    assert ended.status == "failed"
    assert "colour" in ended.error
    assert "\n" not in ended.error


@pytest.mark.parametrize("meanwhile", ["replaced", "ended"])
def test_an_attempt_that_was_replaced_leaves_nothing(control, reader, meanwhile):
    """The other attempt is the one that counts."""
    run = taken(control, reader)
    if meanwhile == "replaced":
        control.requeue_run(run.id, 1)
        control.claim_run()
    else:
        control.end_run(run.id, 1, "timed_out")
    attempt(control, reader, run).carry_out()

    assert control.run(run.id).status == ("starting" if meanwhile == "replaced" else "timed_out")
    assert control.reports() == []


def test_a_long_analysis_says_how_far_it_is(control, reader):
    """A person waits more patiently who sees something move."""
    run, clock = taken(control, reader), Seconds()

    class Slow(Settling):
        def read(self, keys: Any) -> Any:
            for trace in reader.read(keys):
                clock.sleep(1)
                yield trace

    attempt(control, Slow(reader, 0), run, clock).carry_out()

    told = [event.payload for event in control.events(run.id) if event.type == "analysis_progress"]
    assert told == [{"traces": number, "of": 6} for number in (2, 4, 6)]
