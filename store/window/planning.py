"""From a request to what the window will keep of it: index rows and bytes, in step.

Pure: no database. A span with an unusable id is cut out of the bytes; without one, the bytes stay as they came.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from domain.errors import PermanentError
from domain.following import Digest
from domain.otlp import ExportTraceServiceRequest, KeyValue, Span
from domain.semconv import PLACES, UNASKED, Places, ResourceIndex, resource_index, span_index
from domain.spans import SOURCE_TRACE_ID, SPAN_ID_BYTES, TRACE_ID_BYTES, SpanIndex
from domain.wire import join, locate, split

_SOURCE_KEY = SOURCE_TRACE_ID.encode()
_SOURCE_MAX_CHARS = 200
_NO_TRACE = bytes(TRACE_ID_BYTES)
_NO_SPAN = bytes(SPAN_ID_BYTES)


class Digesting(Protocol):
    """Who keeps a digest of every span (`store.window.following.Following`)."""

    @property
    def places(self) -> Places:
        """The table of the index, with what a digest asks for beside it."""

    def digest(self, row: SpanIndex, span: Span, said: Mapping[str, KeyValue]) -> Digest:
        """The digest of a span; None when there is none."""


class Plan(NamedTuple):
    """What to keep of one request: `rows[i]` describes the i-th span of `raw`."""

    raw: bytes
    rows: list[SpanIndex]
    sources: dict[bytes, str]  # trace id → what a file called that trace
    rejected: int
    reason: str
    digests: Sequence[Digest] = ()  # one a row, or none at all; None where there is none


def plan(request: bytes, message: ExportTraceServiceRequest, digesting: Digesting | None = None) -> Plan:
    """The plan of a request; PermanentError when `message` is not `request` parsed."""
    sizes = [end - start for _, _, start, end in locate(request)]
    spans = list(_spans(message))
    if len(sizes) != len(spans):
        raise PermanentError("the request's bytes and the message parsed from them hold different spans")
    rows, digests, refused = _read(spans, sizes, digesting)
    sources = _sources(message) if _SOURCE_KEY in request else {}
    if not refused:
        return Plan(request, rows, sources, 0, "", digests)
    kept = keep_only(request, set(range(len(spans))).difference(refused))
    return Plan(kept, rows, sources, len(refused), next(iter(refused.values())), digests)


def _read(
    spans: Sequence[tuple[Span, ResourceIndex]], sizes: Sequence[int], digesting: Digesting | None
) -> tuple[list[SpanIndex], list[Digest], dict[int, str]]:
    """The rows and digests of the spans that can be kept, and by position why one is refused."""
    rows: list[SpanIndex] = []
    digests: list[Digest] = []
    refused: dict[int, str] = {}
    places, said = (PLACES, UNASKED) if digesting is None else (digesting.places, dict[str, KeyValue]())
    for position, (span, resource) in enumerate(spans):
        row = span_index(span, resource, sizes[position], places, said)
        trace_id, span_id = row[0], row[1]
        if len(trace_id) == 16 and len(span_id) == 8 and trace_id != _NO_TRACE and span_id != _NO_SPAN:
            rows.append(row)
            if digesting is not None:
                digests.append(digesting.digest(row, span, said))
        else:
            refused[position] = _reason(span)
        if said:
            said.clear()
    return rows, digests, refused


def keep_only(raw: bytes, positions: Collection[int]) -> bytes:
    """The spans of `raw` at the given positions, in their order, byte for byte."""
    return join(piece for position, piece in enumerate(split(raw)) if position in positions)


def _spans(message: ExportTraceServiceRequest) -> Iterator[tuple[Span, ResourceIndex]]:
    for resource_spans in message.resource_spans:
        resource = resource_index(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield span, resource


def _reason(span: Span) -> str:
    """Why a span cannot be kept (trace.proto: ids are 16 and 8 bytes, all zeroes is invalid)."""
    name, value, length = "trace_id", span.trace_id, TRACE_ID_BYTES
    if len(value) == length and any(value):
        name, value, length = "span_id", span.span_id, SPAN_ID_BYTES
    if len(value) != length:
        return f"{name} has {len(value)} bytes, must have {length}"
    return f"{name} is all zeroes"


def _sources(message: ExportTraceServiceRequest) -> dict[bytes, str]:
    return {
        span.trace_id: item.value.string_value[:_SOURCE_MAX_CHARS]
        for span, _ in _spans(message)
        for item in span.attributes
        if item.key == SOURCE_TRACE_ID and item.value.string_value
    }
