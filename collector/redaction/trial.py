"""What redacting would take out of telemetry, item by item, before anybody relies on it."""

from collections.abc import Sequence
from typing import NamedTuple

from collector.processing import Batch, Processor
from domain.signals import Signal
from domain.wire import join, split
from telemetry.exposition import totals
from telemetry.metrics import REDACTED_VALUES

_NAME_MAX_CHARS = 60


class Hits(NamedTuple):
    """What one rule took: values, items they were in, and where the first was."""

    values: int
    items: int
    first: str


class Trial:
    """Takes requests through processors and adds up what each rule took."""

    def __init__(self, processors: Sequence[Processor]) -> None:
        self._processors = processors
        self.items = 0
        self.affected = 0
        self.hits: dict[str, Hits] = {}

    async def redact(self, signal: Signal, request: bytes) -> bytes:
        """The request afterwards."""
        return join([piece for each in split(request) for piece in split(await self._item(signal, join([each])))])

    async def _item(self, signal: Signal, request: bytes) -> bytes:
        before = totals(REDACTED_VALUES, "rule")
        batch = Batch(signal, request, signal.request.FromString(request))
        for processor in self._processors:
            batch = await processor.process(batch)
        self.items += 1
        self.affected += batch.request != request
        for rule, count in totals(REDACTED_VALUES, "rule").items():
            taken = count - before.get(rule, 0)
            if taken:
                known = self.hits.get(rule, Hits(0, 0, _place(batch)))
                self.hits[rule] = Hits(known.values + taken, known.items + 1, known.first)
        return batch.request


def _place(batch: Batch) -> str:
    """Where an item is, in words that were redacted themselves."""
    item = next(iter(_only(batch.message)), None)
    name = getattr(item, "name", "") or getattr(item, "event_name", "") or batch.signal.name
    trace_id = getattr(item, "trace_id", b"").hex()
    shown = " ".join(name.split())[:_NAME_MAX_CHARS]
    return f"{shown} in trace {trace_id}" if trace_id else shown


def _only(message: object) -> list[object]:
    """The items of a message that holds one."""
    found = [message]
    for number in (1, 2, 2):
        inner = [getattr(each, each.DESCRIPTOR.fields_by_number[number].name) for each in found]  # type: ignore[attr-defined] # any message
        found = [each for repeated in inner for each in repeated]
    return found
