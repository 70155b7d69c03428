"""Follows the traffic of a window live: bounded state of open traces, exact counts of those that ended.

A trace is counted when it is complete by the store's own rule (root ended and quiet, or idle), and provisionally each
time it has doubled, so that long traces show while they run at a constant cost a span. When a span comes late, its
trace is opened again and counted anew. Beyond its limits the state gives up traces, never spans: metrics say how many.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence

from analysis.streaming.buckets import Buckets
from analysis.streaming.digesting import KEYS, SpanDigest, digest
from analysis.streaming.open_trace import RECORD_BYTES, OpenTrace
from analysis.streaming.tally import Tally
from domain.following import SavedBucket
from telemetry.metrics import (
    LIVE_EVICTED_TRACES,
    LIVE_LATE_SPANS,
    LIVE_OPEN_TRACES,
    LIVE_OVERFLOWED_TRACES,
    LIVE_STATE_BYTES,
)

_SECOND_NS = 1_000_000_000
_LONG_TRACE_BYTES = 64 * RECORD_BYTES
_FORGOTTEN_TRACES = 16_384
_EAGER_BYTES = 400 * RECORD_BYTES
"""How much of what has ended is counted beside each commit: about two milliseconds."""
_Traces = OrderedDict[bytes, OpenTrace]


class LiveFollower:
    """A `domain.following.Follower`; times in nanoseconds.

    `quiet_ns` and `idle_ns` are the store's rule of completeness: how long nothing has come for a trace with an ended
    root, and for one without. `linger_ns` is how long a trace is kept after it was counted, in case spans come late.
    `trace_bytes` and `state_bytes` limit one open trace and all of them, `bucket_bytes` the counts, `labels` the names
    of an agent.
    """

    def __init__(
        self,
        *,
        quiet_ns: int = 10 * _SECOND_NS,
        idle_ns: int = 300 * _SECOND_NS,
        linger_ns: int = 300 * _SECOND_NS,
        trace_bytes: int = 256 * 1024,
        state_bytes: int = 32 * 1024 * 1024,
        bucket_bytes: int = 16 * 1024 * 1024,
        labels: int = 5_000,
    ) -> None:
        self._quiet_ns, self._idle_ns, self._linger_ns = quiet_ns, idle_ns, linger_ns
        self._trace_bytes, self._state_bytes = trace_bytes, state_bytes
        self._buckets = Buckets(bucket_bytes, labels)
        self._tally = Tally(self._buckets)
        self._rooted: _Traces = OrderedDict()  # each in the order in which they were last added to
        self._waiting: _Traces = OrderedDict()
        self._ended: _Traces = OrderedDict()
        self._forgotten: OrderedDict[bytes, None] = OrderedDict()
        self._grown: _Traces = OrderedDict()
        self._held_bytes = 0

    @property
    def state_bytes(self) -> int:
        """What the traces that may still grow take."""
        return self._held_bytes

    @property
    def open_traces(self) -> int:
        """How many traces have not ended."""
        return len(self._rooted) + len(self._waiting)

    @property
    def keys(self) -> Collection[str]:
        """As `Follower.keys`."""
        return KEYS

    digest = staticmethod(digest)  # one call less for every span

    def take(self, digests: Sequence[SpanDigest], now_ns: int) -> None:
        """As `Follower.take`; also counts a little of what has ended, so that `settle` finds little to do."""
        trace, last_id = None, b""
        for each in digests:
            trace_id = each[0][0]
            if trace_id != last_id:
                self._put_back(last_id, trace, now_ns)
                trace, last_id = self._fetch(trace_id), trace_id
            if trace is None:
                LIVE_LATE_SPANS.inc()
            else:
                trace.add(each)
        self._put_back(last_id, trace, now_ns)
        self._make_room()
        self._close_due(now_ns, _EAGER_BYTES)

    def _fetch(self, trace_id: bytes) -> OpenTrace | None:
        """The trace that a span belongs to, out of its place; None when it was forgotten."""
        trace = self._rooted.pop(trace_id, None) or self._waiting.pop(trace_id, None)
        if trace is None:
            trace = self._ended.pop(trace_id, None)
            if trace is None:
                return None if trace_id in self._forgotten else OpenTrace()
            self._count(trace, settled=False)
        self._held_bytes -= trace.size_bytes
        return trace

    def _put_back(self, trace_id: bytes, trace: OpenTrace | None, now_ns: int) -> None:
        if trace is None:
            return
        if trace.is_full(self._trace_bytes):
            self._slim(trace)
        trace.last_ns = now_ns
        self._held_bytes += trace.size_bytes
        (self._rooted if trace.is_rooted else self._waiting)[trace_id] = trace
        if len(trace.records or b"") >= max(2 * trace.counted, _LONG_TRACE_BYTES):
            self._grown[trace_id] = trace

    def _slim(self, trace: OpenTrace) -> None:
        """Take out what was told again; a trace that is mostly news keeps its length only."""
        self._tally.withdraw(trace)
        trace.read()
        if 2 * trace.size_bytes > self._trace_bytes:
            LIVE_OVERFLOWED_TRACES.inc()
            self._tally.shorten(trace)
            self._tally.count(trace, settled=False)

    def settle(self, now_ns: int) -> Sequence[SavedBucket]:
        """As `Follower.settle`."""
        self._close_due(now_ns, None)
        for trace in self._grown.values():
            if not (trace.counted and trace.is_settled):
                self._count(trace, settled=False)
        self._grown.clear()
        while self._ended and next(iter(self._ended.values())).last_ns <= now_ns - self._linger_ns:
            self._forget(*self._ended.popitem(last=False))
        LIVE_OPEN_TRACES.set(self.open_traces)
        LIVE_STATE_BYTES.set(self._held_bytes + self._buckets.size_bytes)
        return self._buckets.changed()

    def _close_due(self, now_ns: int, most_bytes: int | None) -> None:
        """Count traces that are complete: all, or until so many bytes of them were read."""
        read = 0
        for traces, rest_ns in ((self._rooted, self._quiet_ns), (self._waiting, self._idle_ns)):
            while traces and (most_bytes is None or read < most_bytes):
                if next(iter(traces.values())).last_ns > now_ns - rest_ns:
                    break
                trace_id, trace = traces.popitem(last=False)
                read += RECORD_BYTES if trace.records is None else len(trace.records)
                self._count(trace, settled=True)
                trace.last_ns = now_ns
                self._ended[trace_id] = trace

    def _count(self, trace: OpenTrace, *, settled: bool) -> None:
        """Count a trace that is in its place; counting takes out of it what was told again."""
        before = trace.size_bytes
        self._tally.count(trace, settled=settled)
        self._held_bytes += trace.size_bytes - before

    def _make_room(self) -> None:
        """Forget traces until the others fit: ended ones first, then those to which nothing was added for longest."""
        while self._held_bytes > self._state_bytes and (self._ended or self.open_traces):
            if self._ended:
                self._forget(*self._ended.popitem(last=False))
                continue
            oldest = min(
                (traces for traces in (self._rooted, self._waiting) if traces),
                key=lambda traces: next(iter(traces.values())).last_ns,
            )
            trace_id, trace = oldest.popitem(last=False)
            self._count(trace, settled=True)
            self._forget(trace_id, trace)
            LIVE_EVICTED_TRACES.inc()

    def _forget(self, trace_id: bytes, trace: OpenTrace) -> None:
        self._held_bytes -= trace.size_bytes
        self._tally.forget(trace)
        self._grown.pop(trace_id, None)
        self._forgotten[trace_id] = None
        if len(self._forgotten) > _FORGOTTEN_TRACES:
            self._forgotten.popitem(last=False)

    def restore(self, buckets: Iterable[SavedBucket]) -> None:
        """As `Follower.restore`."""
        self._buckets.restore(buckets)

    def forget(self, before_ns: int) -> None:
        """As `Follower.forget`."""
        self._buckets.forget(before_ns)
