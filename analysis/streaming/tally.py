"""Counts traces into their buckets, and takes back what a trace was counted as before it is counted anew.

What a trace came to is a function of its first bytes, so it is not kept: it is worked out again when it must be taken
back, which happens to traces that doubled while they ran and to those that grew after they had ended.
"""

from analysis.streaming.buckets import Buckets
from analysis.streaming.counting import Contribution, contribution, length_alone
from analysis.streaming.open_trace import OpenTrace
from analysis.streaming.tree import owner, tree


class Tally:
    """Traces as they stand in their buckets."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._lengths: dict[OpenTrace, Contribution] = {}  # of traces beyond their limit: their bytes are gone

    def count(self, trace: OpenTrace, *, settled: bool) -> None:
        """Count a trace as it is now, as one that has ended or as one that may grow."""
        self.withdraw(trace)
        if trace.records is None:
            found = self._lengths[trace] = length_alone(trace.owner, trace.end_ns, trace.spans)
        else:
            records = trace.read()
            found = contribution(records, trace.words)
        trace.counted = 1 if trace.records is None else len(trace.records)
        trace.is_settled = settled
        trace.others = self._buckets.count(found[:2], found.counts, settled=settled)

    def withdraw(self, trace: OpenTrace) -> None:
        """Take back what a trace was counted as."""
        if trace.counted:
            if trace.records is None:
                found = self._lengths.pop(trace)
            else:
                found = contribution(trace.read(trace.counted), trace.words)
            self._buckets.withdraw(found[:2], found.counts, trace.others, settled=trace.is_settled)
            trace.counted = 0

    def shorten(self, trace: OpenTrace) -> None:
        """Keep a trace's length only: the rest of it is too much."""
        self.withdraw(trace)
        trace.owner = owner(tree(trace.read(), trace.words))
        trace.give_up()

    def forget(self, trace: OpenTrace) -> None:
        """A trace that can never be counted again stays as it was counted."""
        self._lengths.pop(trace, None)
