"""The counts of one agent's traces that ended in one minute, and how they are written down.

Settled counts are those of traces that have ended. Open counts are those of traces that still grow, as far as they had
come: after a restart such traces are told again, so their open counts are left behind.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from analysis.streaming.counting import Counts, Key
from domain.following import SavedBucket

_SETTLED, _WITH_OPEN = b"\x01", b"\x02"
_LEVEL = 1


class Bucket(NamedTuple):
    """What is counted for an agent and a minute."""

    settled: Counts
    opened: Counts

    @property
    def counts(self) -> Counts:
        """Both together."""
        return self.settled + self.opened


def add(counts: Counts, more: Mapping[Key, int], sign: int) -> None:
    """Add some counts, or take them back; what comes to nothing leaves nothing."""
    for key, count in more.items():
        total = counts[key] + sign * count
        if total > 0:
            counts[key] = total
        else:
            del counts[key]


def encode(bucket: Bucket) -> bytes:
    """The body of a saved bucket; empty when nothing is counted."""
    if not bucket.settled and not bucket.opened:
        return b""
    parts = [[[*key, count] for key, count in part.items()] for part in bucket]
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return (_WITH_OPEN if bucket.opened else _SETTLED) + zlib.compress(text.encode("utf-8", "replace"), _LEVEL)


def decode(body: bytes) -> Bucket:
    """The bucket in a body; an empty one where the body is empty or of a form this version does not know."""
    if body[:1] not in (_SETTLED, _WITH_OPEN):
        return Bucket(Counter(), Counter())
    parts = json.loads(zlib.decompress(body[1:]))
    settled, opened = (Counter({tuple(key): count for *key, count in part}) for part in parts)
    return Bucket(settled, opened)


def has_open(body: bytes) -> bool:
    """Whether a body holds counts of traces that had not ended."""
    return body[:1] == _WITH_OPEN


def counts_in(saved: Iterable[SavedBucket]) -> Iterable[tuple[int, Counts]]:
    """The start of each saved bucket and its counts."""
    for each in saved:
        yield each.start_ns, decode(each.body).counts
