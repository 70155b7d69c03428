"""Opening a directory: new, left in the lurch, in use, damaged, of another version."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import ConfigError, RetryableError
from store.backends.sqlite import open_reader
from store.window import connecting
from telemetry.metrics import MOVED_ASIDE
from tests.conftest import REPOSITORY
from tests.store.window_kit import EVERYTHING, Clock, keep, make_span, open_store, trace_id, whole_trace


def moved(reason: str) -> float:
    return MOVED_ASIDE.labels(reason=reason)._value.get()


async def fill(directory: Path, clock: Clock) -> None:
    async with open_store(directory, clock) as store:
        await keep(store, *whole_trace("kept"))
        clock.forward(3600)
        await store.fold()


async def test_what_was_acknowledged_is_there_after_a_writer_that_never_closed(tmp_path: Path) -> None:
    """The files of a running store, copied as they are, are what a crash leaves behind."""
    clock = Clock()
    async with open_store(tmp_path / "running", clock) as store:
        await keep(store, *whole_trace("folded"))
        clock.forward(3600)
        await store.fold()
        await keep(store, *whole_trace("in the log"))
        await keep(store, make_span("folded", "late", "root"))
        shutil.copytree(tmp_path / "running", tmp_path / "crashed")
    async with open_store(tmp_path / "crashed", clock) as store:
        clock.forward(3600)
        counts = [len(trace.spans) for trace in store.reader().read(store.reader().select(EVERYTHING).keys)]
        await keep(store, make_span("in the log", "late", "root"))
        clock.forward(3600)
        await store.fold()
        sums = store.reader().sums()

    assert sorted(counts) == [3, 4]
    assert (sums["spans"], sums["hot_bytes"]) == (8, 0)


async def test_a_second_process_is_refused_with_one_clear_line(tmp_path: Path) -> None:
    """Two writers of one directory would each believe to own it."""
    program = (
        "import asyncio, sys; from pathlib import Path; from store.backends.sqlite import Config, create\n"
        "async def main():\n"
        "    async with create(Config(directory=Path(sys.argv[1]))): pass\n"
        "asyncio.run(main())\n"
    )

    def start_another() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, str(tmp_path)]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)

    async with open_store(tmp_path, Clock()):
        second = await asyncio.to_thread(start_another)
    after = await asyncio.to_thread(start_another)

    message = second.stderr.strip().splitlines()[-1]
    assert f"store.directory: {tmp_path} is in use by process {os.getpid()}; stop that process or" in message
    assert message.startswith("domain.errors.ConfigError")
    assert (second.returncode, after.returncode) == (1, 0)


async def test_a_directory_that_cannot_be_written_is_a_config_mistake(tmp_path: Path) -> None:
    """Said at start, with the path, instead of at the first span."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigError, match=r"store\.directory: .*file.* cannot be written"):
        async with open_store(tmp_path / "file", Clock()):
            pass


@pytest.mark.parametrize("damage", ["garbage", "truncated", "page", "foreign"])
async def test_a_window_that_cannot_be_used_is_moved_aside_and_reception_goes_on(tmp_path: Path, damage: str) -> None:
    """The window is the expendable part: a bad sector must not cost tomorrow's spans."""
    clock = Clock()
    await fill(tmp_path, clock)
    window = tmp_path / "window.db"
    content = window.read_bytes()
    if damage == "garbage":
        window.write_bytes(b"not a database at all" * 1000)
    elif damage == "truncated":
        window.write_bytes(content[: len(content) // 2 + 100])
    elif damage == "page":
        window.write_bytes(content[:8192] + os.urandom(4096) + content[12288:])
    else:
        window.unlink()
        with sqlite3.connect(window) as foreign:
            foreign.execute("CREATE TABLE spans (whatever)")
        foreign.close()
    before = moved("corrupt")
    async with open_store(tmp_path, clock) as store:
        answer = await keep(store, *whole_trace("new"))
        sums = store.reader().sums()

    assert (answer.accepted, sums["spans"]) == (3, 3)
    assert (tmp_path / "window.db.corrupt-1").is_file()
    assert moved("corrupt") == before + 1


async def test_a_window_of_a_newer_version_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    """Someone rolled back; the newer file may be wanted again, and must not be misread."""
    clock = Clock()
    for number in (1, 2):
        await fill(tmp_path, clock)
        with sqlite3.connect(tmp_path / "window.db") as window:
            window.execute("PRAGMA user_version=999")
        window.close()
        async with open_store(tmp_path, clock) as store:
            assert store.reader().sums()["spans"] == 0
        assert (tmp_path / f"window.db.newer-{number}").is_file()


async def test_damage_met_while_running_moves_the_file_aside_without_a_restart(tmp_path: Path) -> None:
    """After start, nothing crashes the process, and no sender is refused for ever."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("lost"))
        clock.forward(3600)
        await store.fold()
        assert store.reader().trace(trace_id("lost").hex()) is not None
        window = tmp_path / "window.db"
        with window.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(window.stat().st_size - 4096))
        with pytest.raises(RetryableError):
            await store.maintain(force=True)
        answer = await keep(store, *whole_trace("new"))
        found = [store.reader().trace(trace_id(name).hex()) for name in ("lost", "new")]

    assert answer.accepted == 3
    assert [trace is not None for trace in found] == [False, True]
    assert (tmp_path / "window.db.corrupt-1").is_file()


async def test_a_store_that_has_stopped_asks_the_sender_to_retry(tmp_path: Path) -> None:
    """What is not stored must stay with its sender."""
    async with open_store(tmp_path, Clock()) as store:
        await keep(store, *whole_trace("t"))
    with pytest.raises(RetryableError, match="not running"):
        await keep(store, *whole_trace("u"))


async def test_a_window_can_be_read_when_nobody_writes_it(tmp_path: Path) -> None:
    """`halo verify` and offline commands work on the directory of a stopped sidecar."""
    clock = Clock()
    await fill(tmp_path, clock)
    with open_reader(tmp_path, now_ns=clock) as reader:
        assert reader.sums()["spans"] == 3
    with pytest.raises(ConfigError, match=r"there is no window\.db"):
        open_reader(tmp_path / "elsewhere")


async def test_an_old_sqlite_is_named_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing feature would otherwise show as a syntax error in somebody's log."""
    monkeypatch.setattr(connecting, "MINIMUM_SQLITE", (999, 0, 0))

    with pytest.raises(ConfigError, match="is too old; use a Python with 999"):
        async with open_store(tmp_path, Clock()):
            pass
