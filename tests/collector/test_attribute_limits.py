"""Spans and log records cut down to size, and what is said of it."""

from typing import Any

from collector.processing import Batch
from collector.processors.attribute_limits import Config, create
from domain.otlp import (
    ExportLogsServiceRequest,
    ExportTraceServiceRequest,
    KeyValue,
    Span,
    any_value,
    attributes,
    plain,
)
from domain.signals import LOGS, TRACES


async def _cut(span: Span, **limits: Any) -> tuple[Span, bool]:
    """The span afterwards, and whether its request kept its bytes."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(span)
    batch = Batch(TRACES, request.SerializeToString(), request)
    done = await create(Config.model_validate(limits), name="attribute_limits").process(batch)
    return done.message.resource_spans[0].scope_spans[0].spans[0], done.request == batch.request


def _span(**said: Any) -> Span:
    return Span(name="s", attributes=[KeyValue(key=key, value=any_value(value)) for key, value in said.items()])


async def test_attributes_beyond_the_limit_are_counted_where_otlp_counts_them() -> None:
    """Whoever looks at the span sees that it is not whole."""
    span = _span(a=1, b=2, c=3)
    span.dropped_attributes_count = 4
    found, _ = await _cut(span, max_attributes=2)

    assert attributes(found) == {"a": 1, "b": 2}
    assert found.dropped_attributes_count == 5


async def test_events_and_links_beyond_the_limit_go_and_their_attributes_are_limited_too() -> None:
    """An exception a retry makes a hundred events."""
    span = Span(events=[Span.Event(name="e", attributes=_span(a=1, b=2).attributes)] * 3, links=[Span.Link()] * 2)
    found, _ = await _cut(span, max_events=1, max_links=0, max_attributes=1)

    assert (len(found.events), found.dropped_events_count) == (1, 2)
    assert (len(found.links), found.dropped_links_count) == (0, 2)
    assert (len(found.events[0].attributes), found.events[0].dropped_attributes_count) == (1, 1)


async def test_a_long_text_is_cut_between_characters_and_says_how_much_went() -> None:
    """A backend that refuses a span for one long value would lose the rest of it."""
    found, _ = await _cut(_span(text="ü" * 100, short="ok", nested={"list": ["ä" * 60]}), max_value_bytes=64)
    said = attributes(found)

    assert said["short"] == "ok"
    assert said["text"].startswith("ü" * 20)  # type: ignore[union-attr]
    assert said["text"].endswith("…[cut 136 bytes]")  # type: ignore[union-attr]
    assert len(str(said["text"]).encode()) <= 64
    assert str(said["nested"]["list"][0]).endswith("…[cut 56 bytes]")  # type: ignore[index,call-overload]


async def test_what_is_nested_too_deeply_is_replaced() -> None:
    """Some backends refuse what is nested at all."""
    found, _ = await _cut(_span(a={"b": {"c": 1}}, d=[1]), max_depth=1)

    assert attributes(found) == {"a": {"b": "[cut: nested too deeply]"}, "d": [1]}


async def test_what_keeps_to_the_limits_keeps_its_bytes() -> None:
    """Byte for byte, as if the processor were not there."""
    _, same = await _cut(_span(a="x" * 64, b={"c": [1]}), max_attributes=2, max_value_bytes=64, max_depth=2)

    assert same


async def test_bodies_of_log_records_are_limited_too() -> None:
    """The messages of an agent come in them."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(body=any_value({"content": "x" * 200}))
    batch = Batch(LOGS, request.SerializeToString(), request)
    done = await create(Config.model_validate({"max_value_bytes": 100}), name="attribute_limits").process(batch)
    body = plain(done.message.resource_logs[0].scope_logs[0].log_records[0].body)

    assert body["content"].endswith("…[cut 100 bytes]")  # type: ignore[index,call-overload,union-attr]
