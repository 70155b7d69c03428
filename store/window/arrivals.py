"""Requests that wait for a commit, and telling their senders what became of them."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from store.base import Appended
from store.window.log_planning import LogPlan
from store.window.planning import Plan

Result = Appended | BaseException


class Limits(NamedTuple):
    """How much one commit holds, and how much may wait for one."""

    commit_bytes: int
    commit_spans: int
    queued_bytes: int


class Arrival(NamedTuple):
    """A request and the sender who waits for it."""

    plan: Plan | LogPlan
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Appended]"
    queued_s: float  # time.perf_counter()


def appended(planned: Plan | LogPlan) -> Appended:
    """What a sender is told once its request is committed."""
    if isinstance(planned, LogPlan):
        return Appended(planned.accepted, 0)
    return Appended(len(planned.rows), planned.rejected, planned.reason)


def tell(results: Iterable[tuple[Arrival, Result]]) -> None:
    """Hand every sender its result, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Arrival, Result]]] = {}
    for result in results:
        by_loop.setdefault(result[0].loop, []).append(result)
    for loop, of_loop in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, of_loop)


def _settle(results: Iterable[tuple[Arrival, Result]]) -> None:
    for arrival, result in results:
        if arrival.future.done():
            continue
        if isinstance(result, BaseException):
            arrival.future.set_exception(result)
        else:
            arrival.future.set_result(result)
