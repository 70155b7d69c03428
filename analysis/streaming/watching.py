"""Looks at an agent's saved buckets again and again for alarms, and reads each bucket once.

A baseline of a day has over a thousand minutes, of which one or two have changed since the last look; so the sum of
those before is kept, and only what changed is added or taken back.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence

from analysis.streaming.bucket import add, decode
from analysis.streaming.counting import Counts
from analysis.streaming.signals import Alarm, Thresholds, alarms
from domain.following import SavedBucket

_MINUTE_NS = 60_000_000_000
_MAX_AGENTS = 200


class _Baseline:
    """The sum of an agent's buckets of one range, and which bodies are in it."""

    def __init__(self) -> None:
        self.counts: Counts = Counter()
        self._bodies: dict[int, bytes] = {}

    def become(self, buckets: Sequence[SavedBucket]) -> None:
        """Be the sum of these buckets."""
        wanted = {each.start_ns: each.body for each in buckets}
        for start_ns, body in [item for item in self._bodies.items() if wanted.get(item[0]) != item[1]]:
            add(self.counts, decode(body).counts, -1)
            del self._bodies[start_ns]
        for start_ns, body in wanted.items():
            if start_ns not in self._bodies:
                add(self.counts, decode(body).counts, 1)
                self._bodies[start_ns] = body


class Watch:
    """Compares the last `recent_ns` of an agent with what lies before in the buckets it is given."""

    def __init__(self, thresholds: Thresholds | None = None, recent_ns: int = 10 * _MINUTE_NS) -> None:
        self._thresholds = thresholds
        self._recent_ns = recent_ns
        self._baselines: OrderedDict[str, _Baseline] = OrderedDict()

    def alarms(self, buckets: Sequence[SavedBucket], now_ns: int) -> list[Alarm]:
        """The alarms that are on for the one agent of these buckets, the surest first; none without buckets."""
        if not buckets:
            return []
        since_ns = now_ns - self._recent_ns
        baseline = self._baselines.setdefault(buckets[0].agent_uuid, _Baseline())
        self._baselines.move_to_end(buckets[0].agent_uuid)
        if len(self._baselines) > _MAX_AGENTS:
            self._baselines.popitem(last=False)
        baseline.become([each for each in buckets if each.start_ns < since_ns])
        recent: Counts = Counter()
        for each in buckets:
            if each.start_ns >= since_ns:
                recent.update(decode(each.body).counts)
        return alarms(recent, baseline.counts, self._thresholds) if recent else []
