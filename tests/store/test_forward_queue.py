"""What every forward queue promises: nothing is lost, nothing is owed twice, every item is accounted for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.forwarding import Bound, ForwardQueue, Queued
from store.queue import SqliteForwardQueue
from tests.store.fake_queue import LARGE, FakeQueue

Opened = Callable[..., Any]
ALL: dict[str, int] = {"max_requests": 100, "max_bytes": 2**30}


@pytest.fixture(params=["memory", "sqlite"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    """Opens a queue with some bounds and a clock; closed with the test."""
    async with AsyncExitStack() as stack:

        async def open_queue(bounds: dict[str, Bound], now_ns: Callable[[], int] = lambda: 1) -> ForwardQueue:
            if request.param == "memory":
                return FakeQueue(bounds, now_ns=now_ns)
            return await stack.enter_async_context(SqliteForwardQueue(tmp_path, bounds, now_ns=now_ns))

        yield open_queue


def bodies(taken: list[Queued]) -> list[bytes]:
    return [queued.request for queued in taken]


async def test_what_is_put_is_taken_in_order_until_it_is_settled(opened: Opened) -> None:
    """Taking is looking: a crash between the two must not lose anything."""
    queue = await opened({"a": LARGE})
    for body in (b"one", b"two", b"three"):
        await queue.put("traces", body, len(body), ["a"])
    first = await queue.take("a", **ALL)
    again = await queue.take("a", **ALL)
    settled = await queue.settle("a", [first[0].id, first[2].id])

    assert bodies(first) == bodies(again) == [b"one", b"two", b"three"]
    assert [queued.signal for queued in first] == ["traces"] * 3
    assert settled == 8
    assert bodies(await queue.take("a", **ALL)) == [b"two"]


async def test_each_target_is_owed_by_itself(opened: Opened) -> None:
    """What one backend has taken, the other still waits for."""
    queue = await opened({"a": LARGE, "b": LARGE, "c": LARGE})
    await queue.put("logs", b"both", 2, ["a", "b"])
    [taken] = await queue.take("a", **ALL)
    await queue.settle("a", [taken.id])

    assert await queue.take("a", **ALL) == []
    assert bodies(await queue.take("b", **ALL)) == [b"both"]
    assert await queue.take("c", **ALL) == []
    assert [queue.backlog(name).items for name in "abc"] == [0, 2, 0]


async def test_a_take_goes_on_after_an_id_and_ends_at_its_limits(opened: Opened) -> None:
    """Several consumers work on one queue; the largest request must be taken all the same."""
    queue = await opened({"a": LARGE})
    for size in (10, 10, 10, 500):
        await queue.put("traces", b"x" * size, 1, ["a"])
    two = await queue.take("a", max_requests=100, max_bytes=25)
    one = await queue.take("a", after=two[-1].id, max_requests=1, max_bytes=25)
    large = await queue.take("a", after=one[-1].id, max_requests=100, max_bytes=25)

    assert [len(two), len(one)] == [2, 1]
    assert [len(queued.request) for queued in large] == [500]


async def test_parts_are_owed_instead_of_the_whole(opened: Opened) -> None:
    """A request that is too large survives a crash in halves, not twice."""
    queue = await opened({"a": LARGE, "b": LARGE}, lambda: 77)
    await queue.put("traces", b"whole", 5, ["a", "b"])
    await queue.put("traces", b"next", 1, ["a"])
    [whole, following] = await queue.take("a", **ALL)
    parts = [Queued(0, "traces", b"who", 3), Queued(0, "traces", b"le", 2)]
    queue.arrivals("a").clear()
    await queue.replace("a", whole, parts)
    is_told = queue.arrivals("a").is_set()
    await queue.replace("a", whole, parts)
    left = await queue.take("a", after=following.id, **ALL)

    assert is_told
    assert [(queued.request, queued.items, queued.queued_ns) for queued in left] == [(b"who", 3, 77), (b"le", 2, 77)]
    assert bodies(await queue.take("b", **ALL)) == [b"whole"]
    assert queue.tally("a").waiting == queue.tally("a").queued == 6


@pytest.mark.parametrize("bound", [Bound(2**30, max_requests=2), Bound(2**30, max_items=6), Bound(30)])
async def test_what_is_too_much_pushes_out_the_oldest_of_that_target(opened: Opened, bound: Bound) -> None:
    """A backend that stays away must not fill the disk, nor take from the others."""
    queue = await opened({"a": bound, "b": LARGE})
    for body in (b"one", b"two", b"three"):
        await queue.put("traces", body, 3, ["a", "b"])
    kept = bodies(await queue.take("a", **ALL))

    assert kept == [b"one", b"two", b"three"][-len(kept) :]
    assert 0 < len(kept) < 3
    assert queue.tally("a").dropped == {"overflow": 9 - 3 * len(kept)}
    assert len(await queue.take("b", **ALL)) == 3


async def test_what_waited_too_long_is_dropped(opened: Opened) -> None:
    """Week-old traces are of no use to a backend that comes back, if the user says so."""
    clock = [0]
    queue = await opened({"a": Bound(2**30, max_age_ns=100)}, lambda: clock[0])
    await queue.put("traces", b"old", 4, ["a"])
    clock[0] = 90
    await queue.put("traces", b"young", 1, ["a"])
    clock[0] = 150
    taken = bodies(await queue.take("a", **ALL))
    oldest_ns = queue.backlog("a").oldest_ns
    clock[0] = 250
    await queue.put("traces", b"youngest", 1, ["a"])

    assert taken == [b"young"]
    assert oldest_ns == 90
    assert queue.tally("a").dropped == {"too_old": 5}
    assert queue.backlog("a")[:2] == (1, 1)


async def test_a_drop_and_a_refusal_are_told_from_a_delivery(opened: Opened) -> None:
    """The last line of the log says where every span went."""
    queue = await opened({"a": LARGE})
    for items in (5, 7, 11):
        await queue.put("traces", bytes(items), items, ["a"])
    taken = await queue.take("a", **ALL)
    await queue.settle("a", [taken[0].id], rejected=2)
    await queue.drop("a", [taken[1].id], "refused")
    tally = queue.tally("a")

    assert await queue.drop("a", [taken[1].id], "refused") == 0
    assert (tally.queued, tally.forwarded, tally.waiting) == (23, 3, 11)
    assert tally.dropped == {"rejected": 2, "refused": 7}


async def test_who_waits_for_arrivals_is_woken(opened: Opened) -> None:
    """Nobody polls the disk."""
    queue = await opened({"a": LARGE, "b": LARGE})
    await queue.put("traces", b"x", 1, ["a"])

    assert queue.arrivals("a").is_set()
    assert not queue.arrivals("b").is_set()


Act = tuple[str, int]
ACTS = st.lists(
    st.tuples(st.sampled_from(("put", "settle", "drop", "replace", "reject")), st.integers(0, 9)), max_size=30
)


@given(acts=ACTS, limit=st.sampled_from((3, 100)))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_item_is_accounted_for_whatever_happens(tmp_path_factory: Any, acts: list[Act], limit: int) -> None:
    """found + queued = forwarded + dropped + waiting, also after a restart."""

    async def act(queue: ForwardQueue, what: str, number: int) -> None:
        taken = await queue.take("a", **ALL)
        chosen = taken[number % len(taken)] if taken else Queued(10**9, "traces", b"", 1)
        if what == "put":
            await queue.put("traces", bytes(number), number + 1, ["a"])
        elif what == "settle":
            await queue.settle("a", [chosen.id])
        elif what == "reject":
            await queue.settle("a", [chosen.id], rejected=1)
        elif what == "drop":
            await queue.drop("a", [chosen.id], "refused")
        else:
            half = Queued(0, "traces", b"h", chosen.items - chosen.items // 2)
            await queue.replace("a", chosen, [half, half._replace(items=chosen.items // 2)])

    async def all_acts() -> None:
        directory, bounds = tmp_path_factory.mktemp("queue"), {"a": Bound(2**30, max_requests=limit)}
        async with open_both(directory, bounds) as queues:
            for what, number in acts:
                for queue in queues:
                    await act(queue, what, number)
            tallies = [queue.tally("a") for queue in queues]
            backlogs = [queue.backlog("a") for queue in queues]
        tally = tallies[1]
        assert tallies[0] == tally
        assert tally.found + tally.queued == tally.forwarded + sum(tally.dropped.values()) + tally.waiting
        async with SqliteForwardQueue(directory, bounds) as again:
            assert again.backlog("a") == backlogs[1]
            assert again.tally("a").found == tally.waiting

    asyncio.run(all_acts())


@asynccontextmanager
async def open_both(directory: Path, bounds: dict[str, Bound]) -> AsyncIterator[list[ForwardQueue]]:
    async with SqliteForwardQueue(directory, bounds, now_ns=lambda: 1) as queue:
        yield [FakeQueue(bounds), queue]
