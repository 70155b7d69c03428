"""What is owed to one target and what became of the rest, kept in memory beside the file and equal to it."""

from dataclasses import dataclass, field, replace

from store.forwarding import Backlog, Bound, Tally


@dataclass(slots=True)
class Account:
    """One target's figures; only the writing thread changes them."""

    target: int
    bound: Bound
    requests: int = 0
    items: int = 0
    size_bytes: int = 0
    oldest_ns: int = 0
    found: int = 0
    queued: int = 0
    forwarded: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "Account":
        """The account as it is now."""
        return replace(self, dropped=dict(self.dropped))

    def add(self, requests: int, items: int, size_bytes: int) -> None:
        """Count requests in, or out with negative numbers."""
        self.requests += requests
        self.items += items
        self.size_bytes += size_bytes

    def drop(self, items: int, reason: str) -> None:
        """Count items that will never reach the target."""
        if items:
            self.dropped[reason] = self.dropped.get(reason, 0) + items

    @property
    def is_over(self) -> bool:
        """Whether more is owed than may be."""
        bound = self.bound
        return (
            self.size_bytes > bound.max_bytes
            or (bound.max_requests is not None and self.requests > bound.max_requests)
            or (bound.max_items is not None and self.items > bound.max_items)
        )

    def is_overdue(self, now_ns: int) -> bool:
        """Whether the oldest request is older than any may be."""
        age_ns = self.bound.max_age_ns
        return bool(self.requests) and age_ns is not None and now_ns - self.oldest_ns > age_ns

    @property
    def backlog(self) -> Backlog:
        """As `store.forwarding.ForwardQueue.backlog`."""
        return Backlog(self.requests, self.items, self.size_bytes, self.oldest_ns if self.requests else 0)

    @property
    def tally(self) -> Tally:
        """As `store.forwarding.ForwardQueue.tally`."""
        return Tally(self.found, self.queued, self.forwarded, dict(self.dropped), self.items)
