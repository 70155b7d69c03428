"""What the queue of acknowledged requests promises, from which forwarders are fed; a part of `store.base`."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Queued(NamedTuple):
    """A request in a forwarder's queue: its signal by name, its encoding, and how many items it carries.

    `queued_ns` is when it was acknowledged, in nanoseconds since 1970; `id` grows in the order of arrival.
    """

    id: int
    signal: str
    request: bytes
    items: int
    queued_ns: int = 0


class Backlog(NamedTuple):
    """What a target's queue holds; bytes are those on disk. `oldest_ns` is 0 when it is empty."""

    requests: int
    items: int
    size_bytes: int
    oldest_ns: int = 0


class Bound(NamedTuple):
    """How much may be owed to a target; None is no bound. Beyond it, the oldest is dropped."""

    max_bytes: int
    max_requests: int | None = None
    max_items: int | None = None
    max_age_ns: int | None = None


class Tally(NamedTuple):
    """What became of a target's items since the queue was opened.

    Always `found + queued == forwarded + sum(dropped.values()) + waiting`: an item leaves the queue exactly once.
    """

    found: int
    """Owed when the queue was opened."""
    queued: int
    forwarded: int
    dropped: Mapping[str, int]
    """By reason."""
    waiting: int


class ForwardQueue(Protocol):
    """Acknowledged requests on disk, until each target has them; one copy of a request serves all its targets.

    Bounded per target: what does not fit pushes out the oldest of that target, which is counted. Every call but
    `backlog`, `tally` and `arrivals` may raise RetryableError, and then nothing has changed.
    """

    async def put(self, signal: str, request: bytes, items: int, targets: Sequence[str]) -> None:
        """Owe a request to some targets; returns only after the commit is on disk. RetryableError: it is not."""

    async def take(self, target: str, *, after: int = 0, max_requests: int, max_bytes: int) -> list[Queued]:
        """The oldest requests owed to a target whose id is greater than `after`; they stay owed until settled.

        At least one when there is any; no more than fit in `max_bytes` of uncompressed requests otherwise.
        """

    async def settle(self, target: str, ids: Sequence[int], *, rejected: int = 0) -> int:
        """A target has these requests, but for `rejected` items that it refused; how many items were still owed."""

    async def drop(self, target: str, ids: Sequence[int], reason: str) -> int:
        """A target will never have these requests; how many items were still owed."""

    async def replace(self, target: str, queued: Queued, parts: Sequence[Queued]) -> None:
        """Owe the parts of a request instead of it; they come last and keep its age, and get ids of their own.

        Nothing happens when the request is no longer owed.
        """

    def backlog(self, target: str) -> Backlog:
        """What is owed to a target now."""

    def tally(self, target: str) -> Tally:
        """What became of a target's items."""

    def arrivals(self, target: str) -> asyncio.Event:
        """Set whenever something is owed to a target anew; whoever waits for it clears it."""
