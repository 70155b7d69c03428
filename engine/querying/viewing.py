"""Spans as a model is shown them: HALO's span objects with long values cut, or a summary when they are too much."""

import json
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from domain.halo_lines import line_objects
from domain.otlp import Status
from domain.spans import StoredSpan, StoredTrace, TraceLines
from domain.written_lines import written_object
from engine.querying.bounding import cut
from engine.querying.finding import shown_ids
from engine.querying.memory import Answered, size_of

TRACE_CHARS, SPAN_CHARS = 4_096, 16_384
_DROPPED = "__halo_dropped_flat_projections"
_FLAT = re.compile(r"(llm\.input_messages|llm\.output_messages|mcp\.tools)\.\d+(?:\.|$)")
_CARRIERS = {
    "llm.input_messages": ("llm.input_messages", "input.value"),
    "llm.output_messages": ("llm.output_messages", "output.value"),
    "mcp.tools": ("mcp.tools", "mcp.tools.listed"),
}
_TOP_NAMES = 10


def view(trace: StoredTrace, spans: Sequence[StoredSpan], most_chars: int, room_bytes: int) -> Answered:
    """Some spans of a trace in order of their start; `oversized` instead when they are more than the room."""
    objects = [shortened(each, most_chars) for each in line_objects(trace.spans, spans)]
    sizes = [size_of(each) for each in objects]
    traces, ids = shown_ids(trace, spans)
    name = trace.summary.source_trace_id
    size_bytes = sum(sizes) + len(sizes) + 100
    if size_bytes <= room_bytes:
        return Answered({"trace_id": name, "spans": objects, "oversized": None}, traces, ids, size_bytes)
    return Answered({"trace_id": name, "spans": [], "oversized": _oversized(name, spans, sizes, room_bytes)}, traces)


def view_lines(trace: TraceLines, wanted: Sequence[tuple[str, bytes]], most_chars: int, room: int) -> Answered | None:
    """The same of some lines of a trace; None where they have to be decoded, or are more than the room."""
    written = [each for _, line in wanted if (each := written_object(line)) is not None]
    objects = [shortened(each, most_chars) for each in written]
    size_bytes = sum(map(size_of, objects)) + len(objects) + 100
    if len(written) < len(wanted) or size_bytes > room:
        return None
    name, own = trace.summary.source_trace_id, trace.summary.trace_id
    ids = frozenset((of, each) for of in (name, own) for each, _ in wanted)
    return Answered({"trace_id": name, "spans": objects, "oversized": None}, frozenset((name, own)), ids, size_bytes)


def shortened(line: Mapping[str, Any], most_chars: int) -> dict[str, Any]:
    """A span object with every value bounded, and without repetitions of what another attribute says."""
    said = line["attributes"]
    short = {
        **line,
        "status": {**line["status"], "message": cut(line["status"]["message"], most_chars)},
        "resource": {"attributes": _values(line["resource"]["attributes"], most_chars)},
        "attributes": _values(_without_projections(said, most_chars), most_chars),
    }
    for key in ("events", "links"):
        if key in line:
            items = [{**item, "attributes": _values(item["attributes"], most_chars)} for item in line[key]]
            short[key] = items
    return short


def _values(said: Mapping[str, Any], most_chars: int) -> dict[str, Any]:
    return {key: _value(value, most_chars) for key, value in said.items()}


def _value(value: Any, most_chars: int) -> Any:
    if isinstance(value, str):
        return cut(value, most_chars)
    if isinstance(value, int | float) or value is None:
        return value
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= most_chars:
        return value
    note = f"original {len(text)} chars; non-string attribute serialized for truncation"
    return f"{text[:most_chars]}... [HALO truncated: {note}]"


def _without_projections(said: Mapping[str, Any], most_chars: int) -> Mapping[str, Any]:
    """Attributes without the flat form of messages and tools, where the span has them in one piece as well."""
    carried = {family for family, keys in _CARRIERS.items() if any(said.get(key) for key in keys)}
    kept = {key: value for key, value in said.items() if not ((flat := _FLAT.match(key)) and flat[1] in carried)}
    dropped = len(said) - len(kept)
    if not dropped:
        return said
    note = (
        f"{dropped} flat attributes (llm.input_messages.N.*, llm.output_messages.N.*, mcp.tools.N.*) left out: "
        f"what they say stands in other attributes of this span in one piece, up to {most_chars:,} characters of it."
    )
    return {**kept, _DROPPED: note}


def _oversized(name: str, spans: Sequence[StoredSpan], sizes: Sequence[int], room_bytes: int) -> dict[str, Any]:
    """What a model needs in order to ask for less."""
    size_bytes = sum(sizes)
    names = Counter(cut(stored.span.name, 200) for stored in spans)
    fitting = max(int(len(spans) * room_bytes / size_bytes * 0.8), 1)
    return {
        "trace_id": name,
        "span_count": len(spans),
        "truncated_response_bytes": size_bytes,
        "response_bytes_budget": room_bytes,
        "span_response_bytes_min": min(sizes),
        "span_response_bytes_median": int(statistics.median(sizes)),
        "span_response_bytes_max": max(sizes),
        "top_span_names": [list(each) for each in names.most_common(_TOP_NAMES)],
        "error_span_count": sum(stored.span.status.code == Status.STATUS_CODE_ERROR for stored in spans),
        "recommendation": (
            f"These spans take {size_bytes:,} bytes, more than the {room_bytes:,} of one answer; the same call gives "
            "the same. Use search_trace with a specific pattern and view_spans on the spans it finds, search_span for "
            f"one large span, or page: view_trace with limit={fitting} and offset."
        ),
    }
