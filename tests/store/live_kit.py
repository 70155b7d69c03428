"""A follower small enough to see through: how many traces and spans of each service ended in each minute."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.following import BUCKET_NS, SavedBucket
from domain.otlp import KeyValue, Span
from domain.spans import SpanIndex
from store.base import WindowReader
from tests.store.window_kit import SECOND_NS

QUIET_NS, IDLE_NS = 10 * SECOND_NS, 300 * SECOND_NS  # as `store.traces` has them by default


class Digest(NamedTuple):
    """What this follower keeps of a span."""

    trace_id: bytes
    span_id: bytes
    service: str
    end_ns: int
    is_root: bool


@dataclass
class Open:
    """A trace whose end has not come."""

    spans: dict[bytes, Digest] = field(default_factory=dict)
    last_ns: int = 0

    def is_over(self, now_ns: int) -> bool:
        rooted = any(span.is_root and span.end_ns for span in self.spans.values())
        return self.last_ns <= now_ns - (QUIET_NS if rooted else IDLE_NS)


class CountingFollower:
    """Counts traces and spans; `failing` names the calls that raise, `told` every news it was given."""

    def __init__(self, *failing: str) -> None:
        self.failing = set(failing)
        self.told: list[list[bytes]] = []
        self.open: dict[bytes, Open] = {}
        self.buckets: dict[tuple[str, int], Counter[str]] = {}
        self.changed: set[tuple[str, int]] = set()

    @property
    def keys(self) -> Collection[str]:
        return ()

    def digest(self, row: SpanIndex, span: Span, said: Mapping[str, KeyValue]) -> Digest:
        self._may_fail("digest")
        return Digest(row.trace_id, row.span_id, row.service, row.end_ns, not row.parent_id)

    def take(self, digests: Sequence[Digest], now_ns: int) -> None:
        self._may_fail("take")
        self.told.append([digest.span_id for digest in digests])
        for digest in digests:
            trace = self.open.setdefault(digest.trace_id, Open())
            trace.spans[digest.span_id] = digest
            trace.last_ns = max(trace.last_ns, now_ns)

    def settle(self, now_ns: int) -> Sequence[SavedBucket]:
        self._may_fail("settle")
        for trace_id in [key for key, trace in self.open.items() if trace.is_over(now_ns)]:
            trace = self.open.pop(trace_id)
            service = min(span.service for span in trace.spans.values())
            end_ns = max(span.end_ns for span in trace.spans.values())
            key = (service, end_ns - end_ns % BUCKET_NS)
            self.buckets.setdefault(key, Counter()).update(traces=1, spans=len(trace.spans))
            self.changed.add(key)
        saved = [SavedBucket(*key, self._body(key)) for key in sorted(self.changed)]
        self.changed.clear()
        return saved

    def restore(self, buckets: Iterable[SavedBucket]) -> None:
        self._may_fail("restore")
        self.buckets = {(each.agent_uuid, each.start_ns): Counter(json.loads(each.body)) for each in buckets}

    def forget(self, before_ns: int) -> None:
        self._may_fail("forget")
        self.buckets = {key: found for key, found in self.buckets.items() if key[1] + BUCKET_NS > before_ns}

    def _body(self, key: tuple[str, int]) -> bytes:
        return json.dumps(self.buckets[key]).encode() if key in self.buckets else b""

    def _may_fail(self, call: str) -> None:
        if call in self.failing:
            raise RuntimeError(f"{call} is broken")


def counted(reader: WindowReader, service: str | None = None) -> Counter[str]:
    """The sums of all saved buckets."""
    sums: Counter[str] = Counter()
    for bucket in reader.live(service, 0, 2**62):
        sums.update(json.loads(bucket.body))
    return sums
