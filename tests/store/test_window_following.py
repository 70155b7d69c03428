"""Following the live traffic: every span counted once, whatever fails, and nothing lost because counting failed."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import RetryableError
from domain.following import BUCKET_NS
from store.backends.sqlite import Config, SqliteStore, Traces, create
from store.window.connecting import WINDOW_NAME
from store.window.reopening import open_traces
from telemetry.metrics import LIVE_FAILURES, LIVE_LATE_SPANS
from tests.store.live_kit import CountingFollower, counted
from tests.store.test_window_writing import files_limited_to
from tests.store.window_kit import START_NS, Clock, keep, make_span, request_of, whole_trace


def followed_store(directory: Path, clock: Clock, follower: CountingFollower, **settings: object) -> SqliteStore:
    config = Config.model_validate({"directory": directory, **settings})
    return create(config, now_ns=clock, background=False, follower=follower)


async def test_a_trace_is_counted_when_it_has_become_quiet(tmp_path: Path) -> None:
    """Health is read from what is saved; a trace that will send nothing more must get there by time alone."""
    clock = Clock()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await keep(store, *whole_trace("a"))
        await store.maintain()
        before = counted(store.reader())
        clock.forward(11)
        await store.maintain()

        assert before == {}
        assert counted(store.reader()) == {"traces": 1, "spans": 3}


async def test_what_closes_is_saved_with_the_spans_of_the_next_commit(tmp_path: Path) -> None:
    """Under load upkeep may be late, and a crash must find counts and spans of the same moment."""
    clock = Clock()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await keep(store, *whole_trace("a"))
        clock.forward(11)
        await keep(store, *whole_trace("b"))

        assert counted(store.reader()) == {"traces": 1, "spans": 3}


async def test_what_is_sent_again_is_told_once(tmp_path: Path) -> None:
    """Exporters resend after every lost answer; a count that grows with it is a count of bad networks."""
    clock, follower = Clock(), CountingFollower()
    async with followed_store(tmp_path, clock, follower) as store:
        root, child, other = whole_trace("a")
        await keep(store, root, child)
        await keep(store, child, other, child)
        clock.forward(11)
        await store.maintain()

        assert follower.told == [[root.span_id, child.span_id], [other.span_id]]
        assert counted(store.reader()) == {"traces": 1, "spans": 3}


async def test_a_later_version_of_a_span_is_news(tmp_path: Path) -> None:
    """A span that is told of while it runs, and again when it ended, must be seen to have ended."""
    follower = CountingFollower()
    async with followed_store(tmp_path, Clock(), follower) as store:
        await keep(store, make_span("a", "root", end_s=-1))
        await keep(store, make_span("a", "root", end_s=2))

    assert [len(told) for told in follower.told] == [1, 1]


async def test_a_span_with_an_unusable_id_is_not_told(tmp_path: Path) -> None:
    """Digests and rows stay in step when some spans of a request are refused."""
    follower = CountingFollower()
    async with followed_store(tmp_path, Clock(), follower) as store:
        root, child, other = whole_trace("a")
        child.span_id = b"short"
        await keep(store, root, child, other)

    assert follower.told == [[root.span_id, other.span_id]]


@pytest.mark.parametrize("call", ["digest", "take", "settle", "restore", "forget"])
async def test_a_follower_that_raises_costs_no_span(tmp_path: Path, call: str) -> None:
    """Counting is worth nothing beside the promise that what was acknowledged is there."""
    clock, follower = Clock(), CountingFollower(call)
    before = LIVE_FAILURES.labels(call)._value.get()
    async with followed_store(tmp_path, clock, follower) as store:
        first = await keep(store, *whole_trace("a"))
        clock.forward(11)
        await store.fold()
        follower.failing.clear()
        second = await keep(store, *whole_trace("b"))
        clock.forward(11)
        await store.fold()

        assert (first.accepted, second.accepted) == (3, 3)
        assert store.reader().sums()["spans"] == 6
        assert counted(store.reader())["traces"] >= 1
    assert LIVE_FAILURES.labels(call)._value.get() > before


async def test_a_commit_that_fails_is_counted_when_it_is_sent_again_and_not_before(tmp_path: Path) -> None:
    """A full disk ends with the sender's retry; counted at both it would be a burst that never was."""
    clock, follower = Clock(), CountingFollower()
    async with followed_store(tmp_path, clock, follower) as store:
        await keep(store, *whole_trace("a"))
        clock.forward(11)
        size = (tmp_path / f"{WINDOW_NAME}-wal").stat().st_size
        with files_limited_to(size), pytest.raises(RetryableError):
            await keep(store, *whole_trace("b"))
        told_then = len(follower.told)
        await keep(store, *whole_trace("b"))
        clock.forward(11)
        await store.maintain()

        assert told_then == 1
        assert counted(store.reader()) == {"traces": 2, "spans": 6}


async def test_a_kill_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """What was open when the process died is told again, what was saved is not."""
    clock = Clock()
    async with followed_store(tmp_path / "running", clock, CountingFollower()) as store:
        await keep(store, *whole_trace("closed"))
        clock.forward(11)
        await keep(store, *whole_trace("open", 4))
        await keep(store, make_span("half", "child", "root"))
        shutil.copytree(tmp_path / "running", tmp_path / "crashed")
    async with followed_store(tmp_path / "crashed", clock, CountingFollower()) as store:
        await keep(store, make_span("half", "root"))
        clock.forward(11)
        await store.maintain()

        assert counted(store.reader()) == {"traces": 3, "spans": 9}


async def test_traces_that_ended_while_nobody_followed_are_counted_at_the_start(tmp_path: Path) -> None:
    """A stop between a trace's last span and its quiet period must not make it invisible."""
    clock = Clock()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await keep(store, *whole_trace("a"))
    clock.forward(3_600)
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await store.maintain()

        assert counted(store.reader()) == {"traces": 1, "spans": 3}


async def test_a_span_that_comes_after_its_trace_was_counted_before_a_restart_is_no_trace_of_its_own(
    tmp_path: Path,
) -> None:
    """Half a trace without its root would be an agent that nobody has, and a failure that nobody had."""
    clock = Clock()
    before = LIVE_LATE_SPANS._value.get()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await keep(store, *whole_trace("a"))
        clock.forward(11)
        await store.maintain()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await keep(store, make_span("a", "late", "root"), *whole_trace("b"))
        clock.forward(400)
        await store.maintain()

        assert store.reader().sums()["spans"] == 7
        assert counted(store.reader()) == {"traces": 2, "spans": 6}
    assert LIVE_LATE_SPANS._value.get() - before == 1


async def test_a_damaged_batch_does_not_keep_the_store_from_starting(tmp_path: Path) -> None:
    """Counting what was open is worth less than receiving what comes."""
    clock = Clock()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await keep(store, *whole_trace("a"))
    with closing(sqlite3.connect(tmp_path / WINDOW_NAME)) as connection:
        connection.execute("DELETE FROM blobs")
        connection.commit()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await keep(store, *whole_trace("b"))
        clock.forward(11)
        await keep(store, *whole_trace("c"))

        assert counted(store.reader()) == {"traces": 1, "spans": 3}


async def test_an_old_window_is_not_read_through_at_the_first_start(tmp_path: Path) -> None:
    """An update of a sidecar with a month of traces must start at once."""
    clock, follower = Clock(), CountingFollower()
    async with create(Config(directory=tmp_path), now_ns=clock, background=False) as store:
        await keep(store, *whole_trace("old"))
        clock.forward(3_600)
        await keep(store, *whole_trace("new"))
    async with followed_store(tmp_path, clock, follower):
        assert [len(told) for told in follower.told] == [3]


async def test_reading_open_traces_again_is_bounded(tmp_path: Path) -> None:
    """A start must not take minutes because many traces were open; the latest are worth most."""
    clock = Clock()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        for number in range(4):
            await keep(store, *whole_trace(number))
            clock.forward(1)
    connection = sqlite3.connect(tmp_path / WINDOW_NAME)
    reopened = open_traces(connection, (0, 0), max_spans=7)
    arrivals = [last_ns for last_ns, _ in reopened.traces]
    connection.close()

    assert (reopened.skipped, arrivals) == (2, [START_NS + 2 * 10**9, START_NS + 3 * 10**9])


async def test_buckets_go_when_they_ended_before_what_is_kept(tmp_path: Path) -> None:
    """Expiry takes whole buckets: what is left is exactly what ended in the time that is kept."""
    clock, follower = Clock(), CountingFollower()
    config = Config(directory=tmp_path, traces=Traces(quiet=timedelta(seconds=10)))
    kept = timedelta(minutes=5)
    async with create(config, now_ns=clock, background=False, follower=follower, keep_live=kept) as store:
        await keep(store, *whole_trace("a"))
        clock.forward(11)
        await store.fold()
        ends_ns = (START_NS // BUCKET_NS + 1) * BUCKET_NS
        clock.ns = ends_ns + 5 * BUCKET_NS - 1
        await store.fold()
        last_moment = counted(store.reader())
        clock.ns += 1
        await store.fold()

        assert last_moment == {"traces": 1, "spans": 3}
        assert (counted(store.reader()), follower.buckets) == ({}, {})


async def test_a_reader_asks_for_one_agent_and_a_stretch_of_time(tmp_path: Path) -> None:
    """The health of the last hour must not read the buckets of three days and of everybody."""
    clock = Clock()
    async with followed_store(tmp_path, clock, CountingFollower()) as store:
        await asyncio.gather(keep(store, *whole_trace("a"), service="x"), keep(store, *whole_trace("b"), service="y"))
        await keep(store, make_span("c", "root", start_s=120), service="x")
        clock.forward(400)
        await store.maintain()
        first_ns = START_NS - START_NS % BUCKET_NS
        later_ns = first_ns + 2 * BUCKET_NS

        def found(agent: str | None, from_ns: int, to_ns: int) -> list[tuple[str, int]]:
            return [each[:2] for each in store.reader().live(agent, from_ns, to_ns)]

        assert found(None, 0, later_ns) == [("x", first_ns), ("y", first_ns)]
        assert found("x", 0, later_ns + 1) == [("x", first_ns), ("x", later_ns)]
        assert found("x", later_ns, later_ns) == []


async def test_an_empty_bucket_is_taken_out(tmp_path: Path) -> None:
    """A follower may find nothing left in a bucket, and the file must not keep what it says nothing with."""
    clock, follower = Clock(), CountingFollower()
    async with followed_store(tmp_path, clock, follower) as store:
        await keep(store, *whole_trace("a"))
        clock.forward(11)
        await store.maintain()
        follower.changed.update(follower.buckets)
        follower.buckets.clear()
        clock.forward(2)
        await store.maintain()

        assert store.reader().live(None, 0, 2**62) == []


async def test_without_a_follower_nothing_is_followed(tmp_path: Path) -> None:
    """Live health can be switched off, and then costs nothing."""
    clock = Clock()
    async with create(Config(directory=tmp_path), now_ns=clock, background=False) as store:
        message = request_of(whole_trace("a"))
        await store.window.append(message.SerializeToString(), message)
        clock.forward(11)
        await store.fold()

        assert store.reader().live(None, 0, 2**62) == []
