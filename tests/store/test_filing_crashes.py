"""Whoever is killed while a window of files is made leaves nothing that anybody would count."""

import fcntl
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from store.filing import reading
from tests.store.filing_kit import line, lines, seen, windows

_LOAD = """
import os, signal, sys
from pathlib import Path
from store.backends.sqlite import load_files
from store.window import loading
steps = int(sys.argv[2])
class Dying(loading.Filling):
    def committed(self):
        global steps
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super().committed()
    def roll_up(self):
        super().roll_up()
        self.committed()
import store.filing.keeping
from store.filing import reading
reading.TASK_BYTES = 20_000
store.filing.keeping.Filling = Dying
with load_files([Path(sys.argv[1])]) as reader:
    print(reader.sums()["spans"])
"""


def _load_and_die(path: Path, steps: int) -> int:
    found = subprocess.run([sys.executable, "-c", _LOAD, str(path), str(steps)], capture_output=True, check=False)
    return found.returncode


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_killed_while_it_is_made_a_window_is_made_anew(steps: int, tmp_path: Path) -> None:
    """Half of a file would look like all of it."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(200))
    assert _load_and_die(path, steps) == -signal.SIGKILL
    found = seen(path)

    assert found.sums["spans"] == 200
    assert [window.name for window in windows(tmp_path)] == ["1"]


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_killed_while_it_grows_a_window_is_as_before_and_grows_again(steps: int, tmp_path: Path) -> None:
    """Counting the new lines twice would be as wrong as not at all."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(100))
    seen(path)
    with path.open("ab") as file:
        file.write(lines(150, first=100))
    assert _load_and_die(path, steps) == -signal.SIGKILL
    found = seen(path)

    assert found == seen(path, index_dir=tmp_path / "afresh")
    assert (found.sums["spans"], found.report.spans) == (250, 250)


def test_killed_at_any_moment_counts_are_never_wrong(tmp_path: Path) -> None:
    """The moments that nobody thought of."""
    path, chance = tmp_path / "a.jsonl", random.Random(3)
    path.write_bytes(lines(2_000))
    for count in range(2_000, 2_006):
        with path.open("ab") as file:
            file.write(line(count))
        process = subprocess.Popen([sys.executable, "-c", _LOAD, str(path), "100000"], stdout=subprocess.PIPE)
        try:
            process.wait(timeout=chance.uniform(0.05, 0.6))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()

        assert seen(path).sums["spans"] == count + 1


def test_a_second_process_waits_for_the_first_and_uses_its_window(tmp_path: Path) -> None:
    """Two questions asked at once must not write over each other, nor do the work twice."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(3_000))
    asked = [sys.executable, "-c", _LOAD, str(path), "100000"]
    processes = [subprocess.Popen(asked, stdout=subprocess.PIPE) for _ in range(3)]

    assert [process.communicate()[0].strip() for process in processes] == [b"3000"] * 3
    assert [window.name for window in windows(tmp_path)] == ["1"]


def test_a_window_that_is_being_read_stays_until_its_readers_have_gone(tmp_path: Path) -> None:
    """A run of an hour must not lose its window because the file has been replaced meanwhile."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(30))
    seen(path)
    (window,) = windows(tmp_path)
    descriptor = os.open(window / "in-use", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    path.write_bytes(lines(60, first=1))
    seen(path)
    kept = windows(tmp_path)
    os.close(descriptor)
    path.write_bytes(lines(90, first=2))
    seen(path)

    assert [each.name for each in kept] == ["1", "2"]
    assert [each.name for each in windows(tmp_path)] == ["3"]


def _kill_all(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize("harm", [None, _kill_all], ids=["alive", "killed"])
def test_what_workers_make_and_what_is_made_without_them_is_the_same(
    harm: Callable[[list[subprocess.Popen[bytes]]], None] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes are killed for want of memory; that may cost time, not spans."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(400) + b"{broken\n" + line(400, trace_id="odd") + lines(200, first=401) + b"half")
    alone = seen(path)
    monkeypatch.setattr(reading, "WORKED_BYTES", 0)
    monkeypatch.setattr(reading, "TASK_BYTES", 8_000)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    if harm is not None:
        share = reading._Sharing.__init__

        def harmed(self: object, path: Path, workers: list[subprocess.Popen[bytes]]) -> None:
            harm(workers)
            share(self, path, workers)  # type: ignore[arg-type]

        monkeypatch.setattr(reading._Sharing, "__init__", harmed)

    assert seen(path, index_dir=tmp_path / "shared") == alone
