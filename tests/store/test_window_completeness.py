"""When a trace is complete: an ended root and quiet, or idle without one; by the clock of arrival."""

from datetime import timedelta
from pathlib import Path

from store.backends.sqlite import Traces, open_reader
from store.base import Selection, TraceFilter
from tests.store.window_kit import EVERYTHING, SECOND_NS, START_NS, Clock, keep, make_span, open_store

TIMES = Traces(quiet=timedelta(seconds=10), idle=timedelta(seconds=300))


async def test_a_trace_is_complete_when_its_root_has_ended_and_it_has_been_quiet(tmp_path: Path) -> None:
    """An analysis of half a trace would report its missing half as a failure."""
    clock = Clock()
    async with open_store(tmp_path, clock, traces=TIMES) as store:
        reader = store.reader()
        await keep(store, make_span("t", "child", "root"))
        seen = [reader.select(EVERYTHING)]
        await keep(store, make_span("t", "root", end_s=-1))
        seen.append(reader.select(EVERYTHING))
        await keep(store, make_span("t", "root", end_s=3))
        clock.forward(9.9)
        seen.append(reader.select(EVERYTHING))
        await keep(store, make_span("t", "late", "root"))
        clock.forward(9.9)
        seen.append(reader.select(EVERYTHING))
        clock.forward(0.1)
        seen.append(reader.select(EVERYTHING))
        await store.fold()
        seen.append(reader.select(EVERYTHING))

    assert [(len(each.keys), each.settling, each.open) for each in seen] == [
        (0, 0, 1),
        (0, 0, 1),
        (0, 1, 0),
        (0, 1, 0),
        (1, 0, 0),
        (1, 0, 0),
    ]


async def test_without_an_ended_root_a_trace_is_complete_once_idle(tmp_path: Path) -> None:
    """Crashed agents never end their root, and those are the traces one wants to see."""
    clock = Clock()
    async with open_store(tmp_path, clock, traces=TIMES) as store:
        await keep(store, make_span("t", "child", "root"))
        clock.forward(299)
        before = store.reader().select(EVERYTHING)
        clock.forward(1)
        after = store.reader().select(EVERYTHING)
        (summary,) = store.reader().list_traces(TraceFilter())

    assert (before.open, len(before.keys)) == (1, 0)
    assert (after.open, len(after.keys)) == (0, 1)
    assert (summary.complete, summary.has_root) == (True, False)


async def test_only_complete_traces_are_folded(tmp_path: Path) -> None:
    """A trace folded while it grows would be scattered over frames."""
    clock = Clock()
    async with open_store(tmp_path, clock, traces=TIMES) as store:
        await keep(store, make_span("done", "root"))
        await keep(store, make_span("open", "child", "root"))
        clock.forward(10)
        await store.fold()
        during = store.reader().sums()
        clock.forward(300)
        await store.fold()
        after = store.reader().sums()

    assert during["frames"] == 1
    assert during["hot_bytes"] > 0
    assert after["hot_bytes"] == 0


async def test_a_selection_is_half_open_and_ordered_by_the_traces_ends(tmp_path: Path) -> None:
    """Windows of consecutive runs must share no trace and miss none."""
    clock = Clock()
    async with open_store(tmp_path, clock, traces=TIMES) as store:
        for end_s in (3, 1, 2):
            await keep(store, make_span(end_s, "root", end_s=end_s))
        clock.forward(3600)
        for maintained in (False, True):
            if maintained:
                await store.fold()
            reader = store.reader()
            halves = [
                reader.select(Selection(0, START_NS + 2 * SECOND_NS)),
                reader.select(Selection(START_NS + 2 * SECOND_NS, 2**62)),
            ]
            ends = [[trace.summary.end_ns for trace in reader.read(half.keys)] for half in halves]

            assert ends == [[START_NS + SECOND_NS], [START_NS + 2 * SECOND_NS, START_NS + 3 * SECOND_NS]]


async def test_readers_of_another_process_learn_the_times_from_the_window(tmp_path: Path) -> None:
    """The child that analyses must agree with the server about what is complete."""
    clock = Clock()
    async with open_store(tmp_path, clock, traces=Traces(quiet=timedelta(seconds=77))) as store:
        await keep(store, make_span("t", "root"))
        with open_reader(tmp_path, now_ns=clock) as reader:
            clock.forward(76)
            before = reader.select(EVERYTHING)
            clock.forward(1)
            after = reader.select(EVERYTHING)

    assert (before.settling, len(after.keys)) == (1, 1)
