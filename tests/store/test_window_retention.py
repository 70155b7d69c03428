"""What retention takes, what it leaves, and what it says about it."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import RetryableError
from domain.spans import SpanKind, agent_uuid
from store.backends.sqlite import Config, Merge, Retention, create
from store.base import Selection, TraceFilter
from store.window.unused import collect_unused
from store.window.writer import Writer
from tests.store.window_kit import (
    EVERYTHING,
    SECOND_NS,
    START_NS,
    Clock,
    keep,
    make_span,
    open_store,
    trace_id,
    whole_trace,
)

MIB = 2**20


def noise(seed: int, size_bytes: int = 10_000) -> str:
    """Text that does not compress away."""
    return random.Random(seed).randbytes(size_bytes // 2).hex()


@pytest.mark.parametrize("folded", [False, True])
async def test_traces_older_than_max_age_by_arrival_go(tmp_path: Path, folded: bool) -> None:
    """A promise about age is often a legal one: it holds for folded and unfolded traces, and to the trace."""
    clock = Clock()
    async with open_store(tmp_path, clock, retention=Retention(max_age=timedelta(days=1))) as store:
        await keep(store, *whole_trace("first"))
        clock.forward(3600)
        await keep(store, *whole_trace("second"))
        clock.forward(3600)
        if folded:
            await store.fold()
        clock.forward(22 * 3600 + 1)
        await store.maintain(force=True)
        reader = store.reader()
        left = [trace.summary.trace_id for trace in reader.read(reader.select(EVERYTHING).keys)]
        selected = reader.select(EVERYTHING)
        sums = reader.sums()

    assert left == [trace_id("second").hex()]
    assert (sums["traces"], sums["spans"], selected.dropped_spans) == (1, 3, 3)


async def test_over_max_spans_the_oldest_traces_of_that_agent_go_and_no_others(tmp_path: Path) -> None:
    """A chatty agent must not push a quiet one out of its window."""
    clock = Clock()
    async with open_store(tmp_path, clock, retention=Retention(max_spans=9)) as store:
        await keep(store, *whole_trace("quiet"), service="quiet")
        for number in range(5):
            clock.forward(1)
            await keep(store, *whole_trace(number), service="chatty")
        clock.forward(3600)
        await store.fold()
        await store.fold()
        reader = store.reader()
        traces = {agent.name: agent.traces for agent in reader.agents()}
        chatty = reader.select(Selection(0, 2**62, (agent_uuid("chatty", None),)))
        first_left = min(span.arrived_ns for trace in reader.read(chatty.keys) for span in trace.spans)

    assert traces == {"quiet": 1, "chatty": 3}
    assert first_left == START_NS + 3 * SECOND_NS
    assert chatty.dropped_spans == 6


async def test_over_max_bytes_the_oldest_frames_go(tmp_path: Path) -> None:
    """The limit is on what the frames of an agent take on disk, to a part of one frame."""
    clock = Clock()
    limit, frame_bytes = 200_000, 65_536
    settings = {"retention": Retention(max_bytes=limit), "merge": Merge(frame_bytes=frame_bytes)}
    async with open_store(tmp_path, clock, **settings) as store:
        for number in range(50):
            clock.forward(1)
            await keep(store, make_span(number, "root", note=noise(number)))
        clock.forward(3600)
        await store.fold()
        await store.fold()
        names = [trace.summary.trace_id for trace in store.reader().read(store.reader().select(EVERYTHING).keys)]
        with sqlite3.connect(tmp_path / "window.db") as window:
            (stored,) = window.execute("SELECT sum(stored_bytes) FROM containers").fetchone()
        window.close()

    assert limit / 2 < stored <= limit + frame_bytes / 2
    assert 20 <= len(names) < 50


async def test_what_a_running_analysis_reads_stays(tmp_path: Path) -> None:
    """A report whose evidence vanished while it was written could not be verified."""
    clock = Clock()
    running: list[Selection] = [Selection(0, 2**62, (agent_uuid("mine", None),))]
    config = Config(directory=tmp_path, retention=Retention(max_age=timedelta(hours=1)))

    def protected() -> Sequence[Selection]:
        return running

    async with create(config, now_ns=clock, protected=protected, background=False) as store:
        for service in ("mine", "other"):
            await keep(store, *whole_trace(service), service=service)
        clock.forward(7200)
        await store.fold()
        during = [agent.name for agent in store.reader().agents()]
        running.clear()
        await store.fold()
        after = store.reader().agents()

    assert (during, after) == (["mine"], [])


async def test_a_run_that_starts_while_retention_is_at_work_keeps_what_it_reads(tmp_path: Path) -> None:
    """Retention may take a while; what runs read is asked before each of its steps, not once."""
    clock = Clock()
    asked: list[int] = []

    def protected() -> list[Selection]:
        asked.append(1)
        return [] if len(asked) == 1 else [EVERYTHING]

    config = Config(directory=tmp_path, retention=Retention(max_age=timedelta(hours=1)))
    async with create(config, now_ns=clock, protected=protected, background=False) as store:
        for name in ("a", "b", "c"):
            await keep(store, *(make_span(name, number) for number in range(5_000)))
        clock.forward(7200)
        await store.fold()
        left = store.reader().sums()["traces"]

    assert left == 2


async def test_dropped_spans_are_told_by_agent_and_time(tmp_path: Path) -> None:
    """A run must say how much of its window it could not see."""
    clock = Clock()
    async with open_store(tmp_path, clock, retention=Retention(max_age=timedelta(hours=1))) as store:
        root = make_span("a", "root", kind=SpanKind.AGENT, agent__name="outer")
        await keep(store, root, make_span("a", "in", "root", kind=SpanKind.AGENT, agent__name="inner"))
        await keep(store, make_span("b", "root", start_s=7200), service="other")
        clock.forward(7200)
        await store.fold()
        select = store.reader().select
        hour = 3600 * SECOND_NS
        found = {
            "all": select(EVERYTHING),
            "outer": select(Selection(0, 2**62, (agent_uuid("svc", "outer"),))),
            "inner": select(Selection(0, 2**62, (agent_uuid("svc", "inner"),))),
            "late": select(Selection(START_NS + hour, 2**62)),
            "early": select(Selection(0, START_NS - hour)),
        }

    dropped = {name: selected.dropped_spans for name, selected in found.items()}
    assert {name: dropped[name] for name in ("outer", "inner", "late", "early")} == {
        "outer": 2,
        "inner": 2,
        "late": 1,
        "early": 0,
    }
    assert all(not selected.keys for selected in found.values())


async def test_a_trace_bigger_than_a_step_goes_completely(tmp_path: Path) -> None:
    """One endless trace must not be the one thing that retention cannot take."""
    clock = Clock()
    async with open_store(tmp_path, clock, retention=Retention(max_age=timedelta(hours=1))) as store:
        for start in range(0, 12_000, 3_000):
            await keep(store, *(make_span("t", n) for n in range(start, start + 3_000)))
        clock.forward(7200)
        await store.fold()
        left, dropped = store.reader().sums(), store.reader().select(EVERYTHING).dropped_spans

    assert {name: left[name] for name in ("traces", "spans", "frames", "hot_bytes")} == {
        "traces": 0,
        "spans": 0,
        "frames": 0,
        "hot_bytes": 0,
    }
    assert dropped == 12_000


async def test_at_the_size_limit_the_oldest_make_room_and_every_span_is_accepted(tmp_path: Path) -> None:
    """A window is rolling: new spans are worth more than old ones, and the disk is not ours to fill."""
    clock = Clock()
    async with open_store(tmp_path, clock, max_file_bytes=2 * MIB) as store:
        for number in range(400):
            clock.forward(1)
            await keep(store, make_span(number, "root", note=noise(number)))
            if number % 50 == 49:
                clock.forward(20)
                await store.maintain()
        sums = store.reader().sums()
        newest = list(store.reader().read(store.reader().select(EVERYTHING).keys))[-1]

    assert (tmp_path / "window.db").stat().st_size <= 2 * MIB
    assert 20 < sums["traces"] < 400
    assert newest.spans[0].span.attributes[0].value.string_value == noise(399)


async def test_when_nothing_may_go_the_sender_keeps_its_spans_and_all_is_well_afterwards(tmp_path: Path) -> None:
    """Full is not broken: nothing half-written, and the same request is accepted once there is room."""
    clock = Clock()
    running = [EVERYTHING]
    config = Config(directory=tmp_path, max_file_bytes=MIB)
    async with create(config, now_ns=clock, protected=lambda: running, background=False) as store:
        await store.maintain(force=True)
        with pytest.raises(RetryableError, match="full"):
            for number in range(400):
                await keep(store, make_span(number, "root", note=noise(number)))
        refused = number
        before = store.reader().sums()["spans"]
        running.clear()
        clock.forward(3600)
        await store.maintain(force=True)
        again = await keep(store, make_span(refused, "root", note=noise(refused)))
        with sqlite3.connect(tmp_path / "window.db") as window:
            verdict = window.execute("PRAGMA integrity_check").fetchone()
        window.close()

    assert (before, again.accepted, verdict) == (refused, 1, ("ok",))


async def test_strings_that_no_span_uses_any_more_are_forgotten(tmp_path: Path) -> None:
    """Span names made of ids would otherwise fill the dictionary for ever."""
    clock = Clock()
    async with open_store(tmp_path, clock, retention=Retention(max_age=timedelta(hours=1))) as store:
        await keep(store, *(make_span("old", f"name {n}") for n in range(300)))
        clock.forward(7200)
        await keep(store, make_span("new", "name 7"), make_span("new", "fresh"))
        await store.fold()
        await keep(store, make_span("newer", "name 8"), make_span("newer", "fresh"))
        with sqlite3.connect(tmp_path / "window.db") as window:
            texts = {text for (text,) in window.execute("SELECT text FROM strings")}
        window.close()

    assert texts == {"svc", "name 7", "name 8", "fresh"}


async def test_a_string_that_comes_back_while_unused_ones_are_collected_is_spared(tmp_path: Path) -> None:
    """The search takes seconds on a big window; spans that arrive meanwhile must keep their names."""
    clock = Clock()
    loop = asyncio.get_running_loop()
    async with open_store(tmp_path, clock, retention=Retention(max_age=timedelta(hours=1))) as store:
        await keep(store, make_span("old", "comes back"), make_span("old", "stays away"))
        clock.forward(7200)
        await store.maintain()

        class Searching:
            """A reading connection on which searching takes a while."""

            def execute(self, sql: str) -> list[tuple[int]]:
                with closing(sqlite3.connect(tmp_path / "window.db")) as window:
                    found = window.execute(sql).fetchall()
                asyncio.run_coroutine_threadsafe(keep(store, make_span("new", "comes back")), loop).result()
                return found

        writer = store.window
        assert isinstance(writer, Writer)
        collected = await asyncio.to_thread(collect_unused, Searching(), writer)  # type: ignore[arg-type]
        trace = store.reader().list_traces(TraceFilter())[0]

    assert (collected, trace.root_name) == (1, "comes back")
