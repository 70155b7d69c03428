"""Turns at receiving: few at once, and none of them for long."""

import asyncio

import pytest

from collector.otlp.reading import Turns


async def test_no_more_than_the_count_go_on_at_once() -> None:
    """What goes on at once is what is in memory at once."""
    turns, inside, most = Turns(count=2, patience_s=60), 0, 0

    async def receive() -> None:
        nonlocal inside, most
        async with turns.turn():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(receive() for _ in range(20)))

    assert most == 2


async def test_one_that_takes_long_does_not_keep_the_others_waiting() -> None:
    """A sender that sends a byte a second would otherwise stop everybody."""
    turns, never = Turns(count=1, patience_s=0), asyncio.Event()

    async def slow() -> None:
        async with turns.turn():
            await never.wait()

    waiting = [asyncio.create_task(slow()) for _ in range(3)]
    async with asyncio.timeout(10), turns.turn():
        pass
    never.set()
    await asyncio.gather(*waiting)


async def test_a_turn_that_fails_is_given_back() -> None:
    """A sender that goes away while it sends must not take a turn with it."""
    turns = Turns(count=1, patience_s=60)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            async with turns.turn():
                raise ConnectionError
    async with asyncio.timeout(10), turns.turn():
        pass
