"""What findings are made of, whoever made them: counts, quotes, queries, and who has to act."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.claims import Scalar

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
Owner = Literal["harness", "prompt", "tool", "environment", "provider", "model", "unknown"]


class ReportModel(BaseModel):
    """Base of everything in a report: frozen, and tolerant of keys that a later version adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Counts(ReportModel):
    """How often: affected of opportunities, with the 95 % Wilson interval of the rate."""

    affected_spans: int
    opportunities: int
    affected_traces: int
    traces: int
    rate: float
    ci_low: float
    ci_high: float


class Evidence(ReportModel):
    """An exact quote: a substring of one field of a span; `sha256` is the hash of the whole field."""

    trace_id: str
    span_id: str
    field: str
    quote: str
    sha256: str
    source_trace_id: str = Field(
        default="", description="What the trace's file calls it; empty when that is `trace_id`, as always over OTLP."
    )
    source_span_id: str = Field(default="", description="What the span's file calls it; empty when that is `span_id`.")
    start_byte: int | None = Field(default=None, description="Where the quote begins in the field's UTF-8 bytes.")
    end_byte: int | None = Field(default=None, description="Where it ends there; the byte after its last.")

    @property
    def shown_trace_id(self) -> str:
        """The trace's id as people know it."""
        return self.source_trace_id or self.trace_id

    @property
    def shown_span_id(self) -> str:
        """The span's id as people know it."""
        return self.source_span_id or self.span_id


class Query(ReportModel):
    """A named query, its arguments and its answer; `sql` where the evidence database can say it."""

    name: str
    args: dict[str, Scalar]
    expect: dict[str, Scalar]
    sql: str | None = None
