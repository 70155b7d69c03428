"""Spans and log records with absurdly many attributes, taken out of a request before they cost more than it did.

A record with a hundred thousand attributes is a fault of its sender, and every reader of the window would pay for it
again and again. Only such a record is refused, by partial success; its neighbours are kept byte for byte.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from collector.outgoing.splitting import without
from collector.processing import Batch
from domain.signals import LOGS, TRACES

DEFAULT_MAX_ATTRIBUTES = 10_000
_LEAST_BYTES = 4  # a tag and a length for the attribute, and for its key


class Limited(NamedTuple):
    """What is left of a batch, how many items were taken out, and why."""

    batch: Batch
    rejected: int = 0
    reason: str = ""


def limited(batch: Batch, max_attributes: int) -> Limited:
    """The batch without the spans or log records that have more attributes than allowed; metrics have no limit."""
    if len(batch.request) < _LEAST_BYTES * max_attributes:
        return Limited(batch)
    counts = [len(item.attributes) for item in _items(batch)]
    wrong = [position for position, count in enumerate(counts) if count > max_attributes]
    if not wrong:
        return Limited(batch)
    request = without(batch.request, wrong)
    left = Batch(batch.signal, request, batch.signal.request.FromString(request))
    item = batch.signal.items.removesuffix("s").replace("_", " ")
    reason = f"a {item} has {counts[wrong[0]]} attributes, at most {max_attributes} are taken; raise max_attributes"
    return Limited(left, len(wrong), reason)


def _items(batch: Batch) -> Iterator[Any]:
    if batch.signal is TRACES:
        for resource in batch.message.resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans
    elif batch.signal is LOGS:
        for resource in batch.message.resource_logs:
            for scope in resource.scope_logs:
                yield from scope.log_records
