"""All buckets that may still change: encoded, but for the few that do.

A window of days has thousands of minutes for each agent, and traces end in the last few; so buckets rest in the form
in which they are saved, and only those in use are open. Labels (tools, models, causes) come from spans, so an agent
has a bounded number of them; those beyond it are counted as `(others)`.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from analysis.streaming.bucket import Bucket, add, decode, encode, has_open
from analysis.streaming.counting import Counts, Key
from domain.following import BUCKET_NS, SavedBucket
from telemetry.metrics import LIVE_DROPPED_BUCKETS, LIVE_OTHER_LABELS

OTHERS = "(others)"
_OPEN_BUCKETS = 64
_NEVER = 2**63
_AGENTS_WITH_LABELS = 100
_Place = tuple[str, int]
_BINNED = frozenset(("trace_duration", "trace_tokens", "call_duration", "model_duration"))
Label = tuple[str, ...]
_Labels = OrderedDict[Label, int]
"""Labels of an agent, and the start of the latest bucket they were counted in."""


class Buckets:
    """Buckets by agent and start; `most_bytes` is what their resting form may take, `most_labels` are an agent's."""

    def __init__(self, most_bytes: int, most_labels: int) -> None:
        self._most_bytes = most_bytes
        self._most_labels = most_labels
        self._resting: dict[_Place, bytes] = {}
        self._open: OrderedDict[_Place, Bucket] = OrderedDict()
        self._changed: set[_Place] = set()
        self._labels: OrderedDict[str, _Labels] = OrderedDict()
        self._horizon_ns = 0
        self._oldest_ns = _NEVER  # no bucket starts before this
        self.size_bytes = 0

    def count(self, place: _Place, counts: Mapping[Key, int], *, settled: bool) -> frozenset[Label]:
        """Add counts to a bucket; the labels that the agent may have no more of, counted as `(others)`."""
        held = self._held(place, settled)
        if held is None:
            return frozenset()
        new = []
        for key, count in counts.items():
            before = held.get(key)
            if before is None:
                new.append(key)  # only then may its label be new
            else:
                held[key] = before + count
        others = self._unknown(place, new) if new else frozenset()
        if others:
            add(held, {key: counts[key] for key in counts.keys() - set(new)}, -1)
            add(held, _renamed(counts, others), 1)
        else:
            for key in new:
                held[key] = counts[key]
        return others

    def _unknown(self, place: _Place, keys: Iterable[Key]) -> frozenset[Label]:
        """The labels of some keys that the agent may have no more of; the others are known from now on."""
        labels = self._labels_of(place[0])
        found = {label for label in set(map(_label, keys)) if label and not self._knows(labels, label, place[1])}
        if found:
            LIVE_OTHER_LABELS.inc(len(found))
        return frozenset(found)

    def withdraw(self, place: _Place, counts: Mapping[Key, int], others: frozenset[Label], *, settled: bool) -> None:
        """Take back what was counted; `others` are what `count` gave."""
        held = self._held(place, settled)
        if held is not None:
            add(held, _renamed(counts, others) if others else counts, -1)

    def _held(self, place: _Place, settled: bool) -> Counts | None:
        """The counts of a bucket, about to be changed; None for nobody's, and for those that have left the window."""
        if not place[0] or place[1] + BUCKET_NS <= self._horizon_ns:
            return None
        bucket = self._bucket(place)
        self._changed.add(place)
        self._oldest_ns = min(self._oldest_ns, place[1])
        return bucket.settled if settled else bucket.opened

    def _labels_of(self, agent_uuid: str) -> _Labels:
        labels = self._labels.setdefault(agent_uuid, OrderedDict())
        self._labels.move_to_end(agent_uuid)
        if len(self._labels) > _AGENTS_WITH_LABELS:
            self._labels.popitem(last=False)
        return labels

    def _knows(self, labels: _Labels, label: Label, start_ns: int) -> bool:
        if label not in labels and len(labels) >= self._most_labels:
            return False
        labels[label] = max(start_ns, labels.get(label, 0))
        return True

    def _bucket(self, place: _Place) -> Bucket:
        bucket = self._open.get(place)
        if bucket is None:
            bucket = self._open[place] = decode(self._resting.get(place, b""))
            if len(self._open) > _OPEN_BUCKETS:
                self._rest(*self._open.popitem(last=False))
        self._open.move_to_end(place)
        return bucket

    def _rest(self, place: _Place, bucket: Bucket) -> bytes:
        body = encode(bucket) if place in self._changed else self._resting.get(place, b"")
        self.size_bytes += len(body) - len(self._resting.pop(place, b""))
        if body:
            self._resting[place] = body
        return body

    def changed(self) -> list[SavedBucket]:
        """The buckets that changed since the last call."""
        found = []
        for place in sorted(self._changed):
            bucket = self._open.get(place)
            body = self._resting.get(place, b"") if bucket is None else self._rest(place, bucket)
            found.append(SavedBucket(*place, body))
        self._changed.clear()
        if self.size_bytes > self._most_bytes:
            self._make_room()
        return found

    def _make_room(self) -> None:
        """Give up the oldest buckets."""
        for start_ns in sorted({place[1] for place in self._resting}):
            if self.size_bytes <= self._most_bytes:
                return
            LIVE_DROPPED_BUCKETS.inc(self.forget(start_ns + BUCKET_NS))

    def restore(self, buckets: Iterable[SavedBucket]) -> None:
        """Take saved buckets over, without the counts of traces that had not ended."""
        for agent_uuid, start_ns, body in buckets:
            place = agent_uuid, start_ns
            if has_open(body):
                body = encode(Bucket(decode(body).settled, Counter()))
                self._changed.add(place)
            if body:
                self._resting[place] = body
                self.size_bytes += len(body)
        self._oldest_ns = min((start_ns for _, start_ns in self._resting), default=_NEVER)

    def forget(self, before_ns: int) -> int:
        """Drop the buckets that end before a time, which counts for traces that end later too; how many."""
        self._horizon_ns = max(self._horizon_ns, before_ns)
        if self._oldest_ns + BUCKET_NS > before_ns:
            return 0
        gone = [place for place in self._places() if place[1] + BUCKET_NS <= before_ns]
        for place in gone:
            self._open.pop(place, None)
            self.size_bytes -= len(self._resting.pop(place, b""))
            self._changed.add(place)
        self._oldest_ns = min((start_ns for _, start_ns in self._places()), default=_NEVER)
        for labels in self._labels.values():
            for label in [label for label, last_ns in labels.items() if last_ns + BUCKET_NS <= before_ns]:
                del labels[label]
        return len(gone)

    def _places(self) -> Iterator[_Place]:
        yield from self._resting.keys() | self._open.keys()


@lru_cache(maxsize=8_192)
def _label(key: Key) -> Label:
    """What a key names: a tool, a model, a cause; () for what only counts."""
    if len(key) == 1 or key[0] == "spans_of":
        return ()
    return tuple(str(name) for name in (key[1:-1] if key[0] in _BINNED else key[1:]))


def _renamed(counts: Mapping[Key, int], others: frozenset[Label]) -> Counts:
    """Counts with the names of others replaced; of a cause the kind of span stays."""
    found: Counts = Counter()
    for key, count in counts.items():
        label = _label(key)
        if label and label in others:
            kept = (label[0], *(OTHERS for _ in label[1:])) if len(label) > 1 else (OTHERS,)
            key = (key[0], *kept, *key[1 + len(label) :])
        found[key] += count
    return found
