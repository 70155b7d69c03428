"""forward.db over restarts, crashes, damage and full disks."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from domain.errors import RetryableError
from store.forwarding import Bound
from store.queue import SqliteForwardQueue, is_left_behind
from store.queue.books import Books, Stored
from store.queue.schema import VERSION
from telemetry.metrics import REGISTRY
from tests.store.fake_queue import LARGE

ALL: dict[str, int] = {"max_requests": 10_000, "max_bytes": 2**30}
PUTTER = """
import asyncio, sys
from pathlib import Path
from store.forwarding import Bound
from store.queue import SqliteForwardQueue

async def main():
    async with SqliteForwardQueue(Path(sys.argv[1]), {"a": Bound(2**30), "b": Bound(2**30)}) as queue:
        async def put(worker):
            for number in range(10**6):
                body = f"{worker}/{number}"
                await queue.put("traces", body.encode() * 50, 1, ["a", "b"])
                print(body, flush=True)
                [one, *_] = await queue.take("b", max_requests=1, max_bytes=1)
                await queue.settle("b", [one.id])
        await asyncio.gather(*(put(worker) for worker in range(4)))

asyncio.run(main())
"""


def moved_aside(reason: str) -> float:
    return REGISTRY.get_sample_value("halo_forward_queue_moved_aside_total", {"reason": reason}) or 0.0


async def put_some(directory: Path, *bodies: bytes, bounds: dict[str, Bound] | None = None) -> None:
    async with SqliteForwardQueue(directory, bounds or {"a": LARGE}) as queue:
        for body in bodies:
            await queue.put("traces", body, 1, list(bounds or {"a": LARGE}))


def put_until_killed(directory: Path, least: int) -> int:
    """How many requests a process was told to be on disk before it was killed."""
    with subprocess.Popen([sys.executable, "-c", PUTTER, str(directory)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(least):
            assert process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        return least + process.stdout.read().count(b"\n")


def size_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


@pytest.mark.parametrize("round_number", range(3))
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, round_number: int) -> None:
    """The client was told OK: from then on it is ours to bring there."""
    acknowledged = await asyncio.to_thread(put_until_killed, tmp_path, 40 + 37 * round_number)
    async with SqliteForwardQueue(tmp_path, {"a": LARGE, "b": LARGE}) as queue:
        taken = await queue.take("a", **ALL)
        bodies = {queued.request[: len(queued.request) // 50].decode() for queued in taken}
        backlog = queue.backlog("a")

    assert backlog.requests == len(taken) == len(bodies)
    assert acknowledged <= len(taken) <= acknowledged + 4
    for worker in range(4):
        numbers = sorted(int(body.split("/")[1]) for body in bodies if body.startswith(f"{worker}/"))
        assert numbers == list(range(len(numbers)))


async def test_one_copy_serves_all_targets_and_goes_with_the_last(tmp_path: Path) -> None:
    """Three backends must not mean three times the disk."""
    bounds = {"a": LARGE, "b": LARGE, "c": LARGE}
    async with SqliteForwardQueue(tmp_path, bounds) as queue:
        await queue.put("traces", b"x" * 1000, 1, list(bounds))
        counts = []
        for target in bounds:
            with closing(sqlite3.connect(tmp_path / "forward.db")) as file:
                counts.append(file.execute("SELECT count(*) FROM requests").fetchone()[0])
            [queued] = await queue.take(target, **ALL)
            await queue.settle(target, [queued.id])
        with closing(sqlite3.connect(tmp_path / "forward.db")) as file:
            counts.append(file.execute("SELECT count(*) FROM requests").fetchone()[0])

    assert counts == [1, 1, 1, 0]


async def test_a_target_that_is_no_longer_configured_is_forgotten(tmp_path: Path) -> None:
    """Otherwise its part of the disk would be taken forever."""
    await put_some(tmp_path, b"one", b"two", bounds={"gone": LARGE, "kept": LARGE})
    labels = {"forwarder": "gone", "reason": "target_removed"}
    before = REGISTRY.get_sample_value("halo_forward_dropped_items_total", labels) or 0.0
    async with SqliteForwardQueue(tmp_path, {"kept": LARGE}) as queue:
        assert queue.backlog("kept").requests == 2
    async with SqliteForwardQueue(tmp_path, {}):
        pass
    with closing(sqlite3.connect(tmp_path / "forward.db")) as file:
        left = [file.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("requests", "owed")]

    assert REGISTRY.get_sample_value("halo_forward_dropped_items_total", labels) == before + 2
    assert left == [0, 0]
    assert is_left_behind(tmp_path)


@pytest.mark.parametrize("damage", ["newer", "corrupt", "foreign"])
async def test_a_file_that_cannot_be_used_is_moved_aside(tmp_path: Path, damage: str) -> None:
    """Yesterday's damage must not keep today's spans from being sent on."""
    await put_some(tmp_path, b"old" * 1000)
    path, reason = tmp_path / "forward.db", "newer" if damage == "newer" else "corrupt"
    if damage == "corrupt":
        path.write_bytes(b"SQLite format 3\x00" + os.urandom(20_000))
    else:
        with closing(sqlite3.connect(path)) as file:
            file.execute(f"PRAGMA user_version={VERSION + 1}" if damage == "newer" else "PRAGMA application_id=7")
    before = moved_aside(reason)
    async with SqliteForwardQueue(tmp_path, {"a": LARGE}) as queue:
        await queue.put("traces", b"new", 1, ["a"])
        taken = await queue.take("a", **ALL)

    assert [queued.request for queued in taken] == [b"new"]
    assert moved_aside(reason) == before + 1
    assert (tmp_path / f"forward.db.{reason}-1").exists()


async def test_damage_while_running_costs_what_waited_and_no_more(tmp_path: Path) -> None:
    """It is counted, ids go on, and the next request is queued as if nothing had been."""
    async with SqliteForwardQueue(tmp_path, {"a": LARGE}) as queue:
        for number in range(3):
            await queue.put("traces", bytes([number]) * 5000, 2, ["a"])
        taken = await queue.take("a", **ALL)
        await queue.settle("a", [taken[0].id])
        for suffix in ("", "-wal"):
            path = tmp_path / f"forward.db{suffix}"
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.write(os.urandom(size))
        queue._writer.condemn()
        await queue.put("traces", b"after", 2, ["a"])
        [left] = await queue.take("a", after=taken[-1].id, **ALL)
        tally = queue.tally("a")

    assert left.request == b"after"
    assert tally.dropped == {"queue_damaged": 4}
    assert tally.found + tally.queued == tally.forwarded + sum(tally.dropped.values()) + tally.waiting


async def test_a_full_file_pushes_back_and_drains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be kept must not be acknowledged; and what is sent on makes room again."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    async with SqliteForwardQueue(tmp_path, {"a": LARGE}) as queue:
        put = 0
        with pytest.raises(RetryableError, match="cannot be written now") as refused:
            while True:
                await queue.put("traces", os.urandom(60_000), 1, ["a"])
                put += 1
        taken = await queue.take("a", **ALL)
        settled = await queue.settle("a", [queued.id for queued in taken])
        await queue.put("traces", os.urandom(60_000), 1, ["a"])
        tally = queue.tally("a")

    assert refused.value.retry_after_s
    assert put == len(taken) == settled
    assert put > 0
    assert (tally.queued, tally.forwarded, tally.waiting) == (put + 1, put, 1)


async def test_a_change_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    """Its neighbours in the same commit go through, and the figures stay those of the file."""

    def failing(books: Books) -> None:
        books.put(Stored("traces", 5, 1, 1, b"x"), ["a"])
        raise ValueError("a fault of ours")

    async with SqliteForwardQueue(tmp_path, {"a": LARGE}) as queue:
        results = await asyncio.gather(
            queue.put("traces", b"before", 1, ["a"]),
            queue._writer.do(failing),
            queue.put("traces", b"after", 2, ["a"]),
            return_exceptions=True,
        )
        taken = await queue.take("a", **ALL)
        backlog, tally = queue.backlog("a"), queue.tally("a")

    assert [type(result) for result in results] == [type(None), RetryableError, type(None)]
    assert [queued.request for queued in taken] == [b"before", b"after"]
    assert (backlog.requests, backlog.items, tally.queued, tally.waiting) == (2, 3, 3, 3)


async def test_what_was_put_is_announced_although_the_sender_has_gone(tmp_path: Path) -> None:
    """gRPC cancels a call whose client gave up; the commit happens all the same, and nobody polls."""
    async with SqliteForwardQueue(tmp_path, {"a": LARGE}) as queue:
        task = asyncio.create_task(queue.put("traces", b"x", 1, ["a"]))
        await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(10):
            await queue.arrivals("a").wait()
        taken = await queue.take("a", **ALL)

    assert task.cancelled()
    assert [queued.request for queued in taken] == [b"x"]


async def test_a_backlog_gives_its_room_back(tmp_path: Path) -> None:
    """A night without a backend must not cost a gigabyte forever."""
    async with SqliteForwardQueue(tmp_path, {"a": LARGE}) as queue:
        for _ in range(30):
            await queue.put("traces", os.urandom(200_000), 1, ["a"])
        grown = size_bytes(tmp_path)
        taken = await queue.take("a", **ALL)
        await queue.settle("a", [queued.id for queued in taken])
        while not queue._writer._is_tidy:  # noqa: ASYNC110 - the writing thread tells nobody that it is done
            await asyncio.sleep(0.01)
        left = size_bytes(tmp_path)

    assert grown > 6_000_000
    assert left < 1_000_000
