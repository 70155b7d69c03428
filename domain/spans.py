"""What the window holds: spans, traces and the agents they belong to.

Ids are hexadecimal text wherever a person or a report may see them, bytes in the index. Times are
nanoseconds since the Unix epoch, as in OTLP.
"""

import json
import uuid
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from domain.otlp import InstrumentationScope, Resource, Span

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
SOURCE_TRACE_ID = "halo.source.trace_id"
SOURCE_SPAN_ID = "halo.source.span_id"
OWN_SERVICE = "halo-sidecar"


class SpanKind(IntEnum):
    """What a span stands for in an agent's work; the numbers are stored, so they never change."""

    UNKNOWN = 0
    LLM = 1
    TOOL = 2
    AGENT = 3
    CHAIN = 4
    RETRIEVER = 5
    EMBEDDING = 6
    RERANKER = 7
    GUARDRAIL = 8
    EVALUATOR = 9
    PROMPT = 10


class SpanStatus(IntEnum):
    """OTLP's status codes (trace.proto, Status.StatusCode)."""

    UNSET = 0
    OK = 1
    ERROR = 2


class SpanIndex(NamedTuple):
    """What is kept of a span beside its bytes: narrow, always derived from them, never the truth itself."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes  # empty when the span is a root
    service: str
    name: str
    kind: SpanKind
    start_ns: int
    end_ns: int  # 0 when the span has not ended
    status: SpanStatus
    agent_id: str | None
    agent_name: str | None
    session: str | None
    provider: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    tool: str | None
    error: str | None  # the masked template of the error, when status is ERROR
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span read back: parsed, and `raw`, the bytes it came in.

    `resource_raw` and `scope_raw` are the bytes around it: its ResourceSpans without scope_spans, its ScopeSpans
    without spans (`domain.wire.Piece`); empty where a span was not read from a window.
    """

    resource: Resource
    scope: InstrumentationScope
    span: Span
    raw: bytes
    arrived_ns: int
    resource_raw: bytes = b""
    scope_raw: bytes = b""

    @property
    def trace_id(self) -> str:
        """The OTLP trace id as 32 hexadecimal characters."""
        return self.span.trace_id.hex()

    @property
    def span_id(self) -> str:
        """The OTLP span id as 16 hexadecimal characters."""
        return self.span.span_id.hex()


@dataclass(frozen=True, slots=True)
class Agent:
    """An identity found in traces: the owner of windows, runs and schedules."""

    uuid: str
    name: str
    service: str
    traces: int
    spans: int
    last_seen_ns: int


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """The sums of one trace; tokens are those of leaf LLM spans only, since parents repeat them."""

    trace_id: str
    source_trace_id: str  # what people called it: differs when a file's id was no OTLP id
    agent_uuid: str
    agent_name: str
    service: str
    root_name: str
    session: str | None
    start_ns: int
    end_ns: int
    span_count: int
    llm_spans: int
    tool_spans: int
    error_spans: int
    leaf_errors: int
    input_tokens: int
    output_tokens: int
    status: SpanStatus  # of the root; UNSET without one
    has_root: bool
    complete: bool


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """A whole trace read back: its sums, and its spans by start time."""

    summary: TraceSummary
    spans: tuple[StoredSpan, ...]


class TraceLines(NamedTuple):
    """A trace as the lines of its file: its sums, and by start time the OTLP span id in hexadecimal with the line."""

    summary: TraceSummary
    lines: tuple[tuple[str, bytes], ...]


def agent_uuid(service: str, agent: str | None) -> str:
    """The stable UUID of an agent: the same service and agent give the same UUID on every machine."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "halo:" + json.dumps([service, agent])))
