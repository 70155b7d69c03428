"""Spans to fill a window with, and a clock to move."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from domain.otlp import ExportTraceServiceRequest, KeyValue, ResourceSpans, Span, any_value
from domain.spans import SpanKind, SpanStatus
from store.backends.sqlite import Config, SqliteStore, create
from store.base import Appended, Selection

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
EVERYTHING = Selection(0, 2**62)


class Clock:
    """The arrival clock of a test."""

    def __init__(self) -> None:
        self.ns = START_NS

    def __call__(self) -> int:
        return self.ns

    def forward(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND_NS)


def trace_id(name: object) -> bytes:
    """The OTLP trace id of a trace that a test calls so."""
    return sha256(f"trace {name}".encode()).digest()[:16]


def span_id(name: object) -> bytes:
    """The OTLP span id of a span that a test calls so."""
    return sha256(f"span {name}".encode()).digest()[:8]


def make_span(
    trace: object,
    name: object,
    parent: object = None,
    *,
    start_s: float = 0,
    end_s: float | None = None,
    kind: SpanKind = SpanKind.UNKNOWN,
    status: SpanStatus = SpanStatus.UNSET,
    message: str = "",
    **attributes: Any,
) -> Span:
    """A span that starts `start_s` after `START_NS`, ends a second later by default; `a__b` is the attribute `a.b`."""
    end_s = start_s + 1 if end_s is None else end_s
    span = Span(
        trace_id=trace_id(trace),
        span_id=span_id(f"{trace}/{name}"),
        parent_span_id=span_id(f"{trace}/{parent}") if parent is not None else b"",
        name=str(name),
        start_time_unix_nano=START_NS + int(start_s * SECOND_NS),
        end_time_unix_nano=START_NS + int(end_s * SECOND_NS) if end_s >= 0 else 0,
    )
    span.status.code = int(status)  # type: ignore[assignment]
    span.status.message = message
    values = {key.replace("__", "."): value for key, value in attributes.items()}
    if kind is not SpanKind.UNKNOWN:
        values["openinference.span.kind"] = kind.name
    span.attributes.extend(KeyValue(key=key, value=any_value(value)) for key, value in values.items())
    return span


def request_of(spans: Iterable[Span], service: str = "svc") -> ExportTraceServiceRequest:
    """One request of one service."""
    resource_spans = ResourceSpans()
    resource_spans.resource.attributes.append(KeyValue(key="service.name", value=any_value(service)))
    resource_spans.scope_spans.add(spans=spans).scope.name = "tests"
    return ExportTraceServiceRequest(resource_spans=[resource_spans])


async def keep(store: SqliteStore, *spans: Span, service: str = "svc") -> Appended:
    """Append one request."""
    message = request_of(spans, service)
    return await store.window.append(message.SerializeToString(), message)


def open_store(directory: Path, clock: Clock, **settings: Any) -> SqliteStore:
    """A store that does its upkeep only when told to."""
    return create(Config(directory=directory, **settings), now_ns=clock, background=False)


def whole_trace(name: object, spans: int = 3, **attributes: Any) -> list[Span]:
    """A root and its children."""
    root = make_span(name, "root", end_s=spans + 1, **attributes)
    return [root, *(make_span(name, f"child {n}", "root", start_s=n, **attributes) for n in range(1, spans))]
