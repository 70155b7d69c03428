"""Waiting for a run, with a clock and a client made up."""

from typing import Any

import pytest

from cli.polling import poll_run
from domain.errors import PermanentError, RetryableError


class Scripted:
    """Answers in order; an exception is raised. Time passes only in `sleep`."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.now = 0.0
        self.slept: list[float] = []

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/runs/r1"
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"id": "r1", "status": answer}

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def poll(self, interval: float = 5, timeout: float = 1800) -> dict[str, Any]:
        return poll_run(self, "r1", interval, timeout, sleep=self.sleep, clock=lambda: self.now)


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed", "cancelled", "timed_out", "no_traces"])
def test_every_terminal_state_ends_the_wait(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A state that poll does not know would make it wait for half an hour."""
    scripted = Scripted("queued", "starting", "running", "running", status)

    assert scripted.poll()["status"] == status
    assert scripted.slept == [5, 5, 5, 5]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.split()[-1] for line in captured.err.splitlines()] == ["queued", "starting", "running", status]


def test_a_sidecar_that_restarts_meanwhile_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Runs survive a restart, so waiting for one must too."""
    scripted = Scripted("running", RetryableError("cannot reach it"), RetryableError("cannot reach it"), "completed")

    assert scripted.poll()["status"] == "completed"
    assert capsys.readouterr().err.count("cannot reach it") == 2


def test_the_wait_ends_after_the_timeout_and_never_sleeps_past_it() -> None:
    """Half an hour by default, to the second."""
    scripted = Scripted("running")

    with pytest.raises(RetryableError, match="run r1 is still running after 12 s; poll again to wait longer"):
        scripted.poll(interval=5, timeout=12)
    assert scripted.slept == [5, 5, 2]


def test_a_run_that_is_not_there_is_not_waited_for() -> None:
    """A typing mistake must not look like patience."""
    with pytest.raises(PermanentError):
        Scripted(PermanentError("no run")).poll()
