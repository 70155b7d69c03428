"""The promise of whoever follows the traffic live, span by span, while it lands.

The window's writer tells of every span that is news; `analysis.streaming` follows. The two never meet: the
composition root hands one to the other. A follower keeps a bounded state of every open trace and additive counts for
each agent and stretch of time, which the writer saves in the same commit as the spans.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from domain.otlp import KeyValue, Span
from domain.spans import SpanIndex

BUCKET_NS = 60_000_000_000
"""How long the stretch of time of a bucket is; buckets start at its multiples since the Unix epoch."""
Digest = Any
"""What a follower keeps of one span; only the follower knows what is in it."""


class SavedBucket(NamedTuple):
    """The counts of one agent's traces that ended in one stretch of time; `body` is the follower's own encoding."""

    agent_uuid: str
    start_ns: int
    body: bytes


class Follower(Protocol):
    """Follows spans as they land."""

    @property
    def keys(self) -> Collection[str]:
        """The attributes that `digest` is given, which the index does not read itself."""

    def digest(self, row: SpanIndex, span: Span, said: Mapping[str, KeyValue]) -> Digest:
        """What is kept of a span; pure, cheap, never raises, called where spans arrive.

        `said` are those of the span's attributes that `keys` names, of several with one key the last.
        """

    def take(self, digests: Sequence[Digest], now_ns: int) -> None:
        """The news of one commit, in order of arrival; a span that is told again changes nothing.

        This and the calls below come from the one thread that writes.
        """

    def settle(self, now_ns: int) -> Sequence[SavedBucket]:
        """Close what has completed, and give the buckets that changed since the last call, to be saved.

        An empty body means that nothing is left in the bucket.
        """

    def restore(self, buckets: Iterable[SavedBucket]) -> None:
        """Buckets that were saved before, told once at the start."""

    def forget(self, before_ns: int) -> None:
        """Drop the buckets that end before a time: what they count has left the window."""
