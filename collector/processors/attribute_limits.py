"""Cuts spans and log records down to size: too many attributes, too long values, too many events or links.

What is cut says so: values end in a mark, and OTLP's own `dropped_*_count` fields count the rest. Without limits
nothing changes; set those that the tracing backend has.
"""

from typing import Any

from pydantic import Field

from collector.processing import Batch, Processor
from domain.component import ComponentConfig
from domain.otlp import AnyValue
from domain.quantities import Size
from domain.signals import LOGS, TRACES
from telemetry.metrics import CUT_ITEMS

_MOST = 2**32 - 1  # that a count of OTLP can say
_TOO_DEEP = "[cut: nested too deeply]"


class Config(ComponentConfig):
    """The limits of one span or log record; those not set do not limit."""

    max_attributes: int | None = Field(
        default=None, ge=0, description="Attributes kept of each span, event and record."
    )
    max_value_bytes: Size | None = Field(
        default=None, ge=64, description="Bytes kept of a text, within lists and maps too; a mark says how many went."
    )
    max_depth: int | None = Field(default=None, ge=1, description="Lists and maps nested in each other.")
    max_events: int | None = Field(default=None, ge=0, description="Events kept of a span: the first.")
    max_links: int | None = Field(default=None, ge=0, description="Links kept of a span: the first.")


def create(config: Config, *, name: str) -> "AttributeLimits":
    """A processor that holds spans and log records to the limits."""
    return AttributeLimits(config, name)


class AttributeLimits(Processor):
    """Cuts in place; a batch that keeps to the limits keeps its bytes."""

    def __init__(self, config: Config, name: str) -> None:
        self._config = config
        self._name = name

    async def process(self, batch: Batch) -> Batch:
        """The batch with nothing beyond the limits; metrics and profiles pass as they are."""
        message, cut = batch.message, 0
        if batch.signal is TRACES:
            cut = sum(
                self._span(span)
                for resource in message.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
        elif batch.signal is LOGS:
            cut = sum(
                self._record(record)
                for resource in message.resource_logs
                for scope in resource.scope_logs
                for record in scope.log_records
            )
        if not cut:
            return batch
        CUT_ITEMS.labels(self._name, batch.signal.name).inc(cut)
        return batch.with_message(message)

    def _span(self, span: Any) -> bool:
        """Whether anything of a span was cut."""
        cuts = [
            self._shortened(span.events, self._config.max_events, span, "dropped_events_count"),
            self._shortened(span.links, self._config.max_links, span, "dropped_links_count"),
            self._attributes(span),
            *[self._attributes(each) for each in (*span.events, *span.links)],
        ]
        return any(cuts)

    def _record(self, record: Any) -> bool:
        return any([self._attributes(record), self._value(record.body, 0)])

    def _attributes(self, owner: Any) -> bool:
        limit = self._config.max_attributes
        cut = self._shortened(owner.attributes, limit, owner, "dropped_attributes_count")
        return any([cut, *[self._value(each.value, 0) for each in owner.attributes]])

    @staticmethod
    def _shortened(found: Any, limit: int | None, owner: Any, counted: str) -> bool:
        if limit is None or len(found) <= limit:
            return False
        setattr(owner, counted, min(getattr(owner, counted) + len(found) - limit, _MOST))
        del found[limit:]
        return True

    def _value(self, value: AnyValue, depth: int) -> bool:
        kind = value.WhichOneof("value")
        if kind == "string_value":
            return self._text(value)
        if kind not in ("array_value", "kvlist_value"):
            return False
        if self._config.max_depth is not None and depth >= self._config.max_depth:
            value.string_value = _TOO_DEEP
            return True
        inner = (
            value.array_value.values if kind == "array_value" else [each.value for each in value.kvlist_value.values]
        )
        return any([self._value(each, depth + 1) for each in inner])

    def _text(self, value: AnyValue) -> bool:
        limit = self._config.max_value_bytes
        if limit is None or len(value.string_value) * 4 <= limit:
            return False
        encoded = value.string_value.encode()
        if len(encoded) <= limit:
            return False
        mark = f"…[cut {len(encoded) - limit} bytes]"
        value.string_value = encoded[: limit - len(mark.encode())].decode(errors="ignore") + mark
        return True
