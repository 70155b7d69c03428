"""Trace files sent the way an application sends them: as SDK spans through a stock OTLP exporter."""

import gzip
import json
import lzma
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The span lines of a (compressed) JSONL file."""
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    with opener(path, "rt") as lines:
        for line in lines:
            yield json.loads(line)


def to_sdk_span(line: dict[str, Any]) -> ReadableSpan:
    """A HALO line as the SDK span that its exporter was handed."""
    trace_id = int(line["trace_id"], 16)
    parent = line["parent_span_id"]
    code = line["status"]["code"].removeprefix("STATUS_CODE_")
    status = Status(StatusCode[code], line["status"]["message"] or None if code == "ERROR" else None)
    return ReadableSpan(
        name=line["name"],
        context=_context(trace_id, line["span_id"]),
        parent=_context(trace_id, parent) if parent else None,
        resource=Resource(line["resource"]["attributes"]),
        attributes={key: value for key, value in line["attributes"].items() if value is not None},
        events=[Event(e["name"], e["attributes"], _ns(e["time"])) for e in line.get("events", ())],
        kind=SpanKind[line["kind"].removeprefix("SPAN_KIND_")],
        status=status,
        start_time=_ns(line["start_time"]),
        end_time=_ns(line["end_time"]),
        instrumentation_scope=InstrumentationScope(line["scope"]["name"], line["scope"].get("version") or None),
    )


def _context(trace_id: int, span_id: str) -> SpanContext:
    return SpanContext(trace_id, int(span_id, 16), is_remote=False, trace_flags=TraceFlags(1))


def _ns(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = int(moment.replace(microsecond=0).timestamp())
    return seconds * 1_000_000_000 + moment.microsecond * 1_000


def export_all(exporter: SpanExporter, spans: Sequence[ReadableSpan], batch: int) -> None:
    """Send spans in batches; AssertionError when the exporter reports a failure."""
    for start in range(0, len(spans), batch):
        assert exporter.export(spans[start : start + batch]) is SpanExportResult.SUCCESS
