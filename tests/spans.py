"""Spans for tests, as an SDK would make them."""

from collections.abc import Mapping

from domain.otlp import PlainValue, Span, Status, any_value

TRACE_ID = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
START_NS = 1_700_000_000_000_000_000


def span_id(number: int) -> bytes:
    """The id of the n-th span; 0 stands for none."""
    return number.to_bytes(8, "big") if number else b""


def make_span(
    number: int = 1,
    attributes: Mapping[str, PlainValue] | None = None,
    *,
    parent: int = 0,
    name: str = "span",
    start_s: float = 0.0,
    end_s: float = 1.0,
    error: str | None = None,
    trace_id: bytes = TRACE_ID,
) -> Span:
    """The n-th span of a trace; `error` makes its status ERROR with that message. Seconds count from `START_NS`."""
    span = Span(
        trace_id=trace_id,
        span_id=span_id(number),
        parent_span_id=span_id(parent),
        name=name,
        start_time_unix_nano=START_NS + int(start_s * 1e9),
        end_time_unix_nano=START_NS + int(end_s * 1e9),
    )
    if error is not None:
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = error
    for key, value in (attributes or {}).items():
        span.attributes.add(key=key).value.CopyFrom(any_value(value))
    return span


def add_exception(span: Span, kind: str, message: str) -> Span:
    """The span with an exception event."""
    event = span.events.add(name="exception")
    event.attributes.add(key="exception.type").value.string_value = kind
    event.attributes.add(key="exception.message").value.string_value = message
    return span
