"""The accounts at the end: what was acknowledged is stored, and what was stored was sent on, waits or was dropped.

Counted since the process started, in spans for what came in, and in items of all its signals for each target.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from store.forwarding import Tally
from telemetry.exposition import total
from telemetry.metrics import ACCEPTED_SPANS, DROPPED_ITEMS, REFUSED_SPANS, REQUESTS, STORED_SPANS


class SpanAccounts(NamedTuple):
    """Spans by what became of them."""

    accepted: int
    refused: int
    filtered: int
    """Taken out by processors; their senders were told OK."""
    stored: int
    """Committed to the window, resent ones included."""

    @property
    def unanswered(self) -> int:
        """Stored for senders that did not get the answer: gone by then, or asked to send again by the queue."""
        return self.stored + self.filtered - self.accepted


def span_accounts() -> SpanAccounts:
    """The accounts of this process, from its metrics."""
    filtered = total(DROPPED_ITEMS, signal="traces", reason="processor")
    return SpanAccounts(total(ACCEPTED_SPANS), total(REFUSED_SPANS), filtered, total(STORED_SPANS))


def reconciled(spans: SpanAccounts, targets: Mapping[str, Tally]) -> dict[str, Any]:
    """The fields of the final log line; `balanced` is false when anything acknowledged is unaccounted for."""
    owed = {name: tally.found + tally.queued for name, tally in targets.items()}
    gone = {name: tally.forwarded + sum(tally.dropped.values()) + tally.waiting for name, tally in targets.items()}
    return {
        "accepted": spans.accepted,
        "stored": spans.stored,
        "filtered": spans.filtered,
        "refused": spans.refused,
        "unanswered": spans.unanswered,
        "targets": {name: _told(tally) for name, tally in targets.items()},
        "balanced": spans.unanswered >= 0 and owed == gone,
    }


def requests_received() -> int:
    """How many export requests came so far, whatever became of them."""
    return total(REQUESTS)


def _told(tally: Tally) -> dict[str, int]:
    return {
        "found": tally.found,
        "stored": tally.queued,
        "forwarded": tally.forwarded,
        "queued": tally.waiting,
        "dropped": sum(tally.dropped.values()),
    }
