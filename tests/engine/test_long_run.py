"""A run of 300 turns: it stays within its context, keeps what it is asked for late, and survives being killed."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.long_run import ASKED_AGAIN, CONTEXT_TOKENS, TURNS, fact

KILLED_AT = 200
WANTED = "; ".join(fact((place - 2) // 2) for place in ASKED_AGAIN.values())


def play(directory: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """A process that plays the run: its exit code, and what it printed."""
    directory.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.engine.long_run", str(directory), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}


def requests(directory: Path) -> list[dict[str, int]]:
    """What the model was asked, turn by turn."""
    return [json.loads(line) for line in (directory / "requests.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The run played to its end in one process."""
    directory = tmp_path_factory.mktemp("whole")
    code, ended = play(directory)
    assert code == 0
    return directory, ended


def test_three_hundred_turns_stay_within_the_context(whole: tuple[Path, dict[str, Any]]) -> None:
    """Nobody who starts a long run should find it ended by the provider, nor paid for ever longer requests."""
    directory, ended = whole
    asked = requests(directory)

    assert [request["turn"] for request in asked] == list(range(1, TURNS + 1))
    assert max(request["tokens"] for request in asked) < CONTEXT_TOKENS
    assert (ended["turns"], ended["reason"]) == (TURNS, "")


def test_the_context_is_shortened_rarely(whole: tuple[Path, dict[str, Any]]) -> None:
    """Each shortening makes the provider read everything behind it again."""
    assert 2 <= whole[1]["compactions"] <= TURNS / 5


def test_facts_that_were_taken_out_come_back_when_they_are_asked_for(whole: tuple[Path, dict[str, Any]]) -> None:
    """A report that is written at the end quotes what was read at the beginning."""
    directory, ended = whole

    assert requests(directory)[-1]["summaries"] >= 1
    assert ended["text"] == WANTED


def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_report(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """What two hundred turns have cost is not paid again."""
    killed, _ = play(tmp_path, "--die-at", str(KILLED_AT))
    before = requests(tmp_path)
    code, ended = play(tmp_path, "--resume")
    after = requests(tmp_path)[len(before) :]

    assert killed == -signal.SIGKILL
    assert before[-1]["turn"] == KILLED_AT - 1
    assert [request["turn"] for request in after] == list(range(KILLED_AT, TURNS + 1))
    assert max(request["tokens"] for request in after) < CONTEXT_TOKENS
    assert code == 0
    assert ended["text"] == whole[1]["text"] == WANTED
    assert (ended["turns"], ended["reason"]) == (TURNS, "")
    assert ended["requests"] == whole[1]["requests"]
    assert ended["sequences"][0] >= KILLED_AT - 1
