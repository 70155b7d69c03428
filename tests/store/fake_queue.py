"""A second ForwardQueue, all in memory; it can be told to refuse changes, as a full disk makes it."""

import asyncio
import zlib
from collections.abc import Callable, Mapping, Sequence

from domain.errors import RetryableError
from store.forwarding import Backlog, Bound, Queued, Tally

LARGE = Bound(2**30)


class FakeQueue:
    def __init__(self, bounds: Mapping[str, Bound], *, now_ns: Callable[[], int] = lambda: 1) -> None:
        self.bounds = dict(bounds)
        self.now_ns = now_ns
        self.owed: dict[str, dict[int, Queued]] = {target: {} for target in bounds}
        self.figures: dict[str, dict[str, int]] = {target: {} for target in bounds}
        self.failures = 0
        self.next_id = 1
        self._arrivals = {target: asyncio.Event() for target in bounds}

    async def put(self, signal: str, request: bytes, items: int, targets: Sequence[str]) -> None:
        self._refuse()
        queued = Queued(self._id(), signal, request, items, self.now_ns())
        for target in targets:
            self.owed[target][queued.id] = queued
            self._count(target, "queued", items)
            self._bound(target)
            self._arrivals[target].set()

    async def take(self, target: str, *, after: int = 0, max_requests: int, max_bytes: int) -> list[Queued]:
        self._refuse()
        self._expire(target)
        taken: list[Queued] = []
        for queued in list(self.owed[target].values()):
            if queued.id <= after:
                continue
            max_bytes -= len(queued.request)
            if len(taken) == max_requests or (taken and max_bytes < 0):
                break
            taken.append(queued)
        return taken

    async def settle(self, target: str, ids: Sequence[int], *, rejected: int = 0) -> int:
        self._refuse()
        items = self._release(target, ids)
        rejected = min(items, rejected)
        self._count(target, "forwarded", items - rejected)
        self._count(target, "dropped/rejected", rejected)
        return items

    async def drop(self, target: str, ids: Sequence[int], reason: str) -> int:
        self._refuse()
        items = self._release(target, ids)
        self._count(target, f"dropped/{reason}", items)
        return items

    async def replace(self, target: str, queued: Queued, parts: Sequence[Queued]) -> None:
        self._refuse()
        if queued.id not in self.owed[target]:
            return
        items = self._release(target, [queued.id])
        for part in parts:
            number = self._id()
            self.owed[target][number] = Queued(number, queued.signal, part.request, part.items, queued.queued_ns)
            items -= part.items
        self._count(target, "queued", -items)
        self._arrivals[target].set()

    def backlog(self, target: str) -> Backlog:
        owed = list(self.owed[target].values())
        size = sum(len(zlib.compress(queued.request)) for queued in owed)
        oldest_ns = owed[0].queued_ns if owed else 0
        return Backlog(len(owed), sum(queued.items for queued in owed), size, oldest_ns)

    def tally(self, target: str) -> Tally:
        figures = self.figures[target]
        dropped = {key[8:]: count for key, count in figures.items() if key.startswith("dropped/") and count}
        return Tally(0, figures.get("queued", 0), figures.get("forwarded", 0), dropped, self.backlog(target).items)

    def arrivals(self, target: str) -> asyncio.Event:
        return self._arrivals[target]

    def _id(self) -> int:
        self.next_id += 1
        return self.next_id

    def _refuse(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RetryableError("the disk is full")

    def _release(self, target: str, ids: Sequence[int]) -> int:
        return sum(self.owed[target].pop(each).items for each in ids if each in self.owed[target])

    def _count(self, target: str, what: str, items: int) -> None:
        self.figures[target][what] = self.figures[target].get(what, 0) + items

    def _bound(self, target: str) -> None:
        self._expire(target)
        bound = self.bounds[target]
        while (
            (backlog := self.backlog(target)).size_bytes > bound.max_bytes
            or (bound.max_requests is not None and backlog.requests > bound.max_requests)
            or (bound.max_items is not None and backlog.items > bound.max_items)
        ):
            self._count(target, "dropped/overflow", self._release(target, [next(iter(self.owed[target]))]))

    def _expire(self, target: str) -> None:
        age_ns = self.bounds[target].max_age_ns
        for queued in list(self.owed[target].values()):
            if age_ns is not None and self.now_ns() - queued.queued_ns > age_ns:
                self._count(target, "dropped/too_old", self._release(target, [queued.id]))
