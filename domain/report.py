"""The report contract: JSON first; Markdown, HTML, Slack and spans are renderings of it.

Names are fixed by schema version 1; later versions may add keys, never rename them. Times are ISO 8601 in
UTC, durations seconds, rates fractions of one.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
Owner = Literal["harness", "prompt", "tool", "environment", "provider", "model", "unknown"]
FindingStatus = Literal["new", "persisting", "worse", "better", "resolved", "reopened"]
Scalar = str | int | float | bool | None


class ReportModel(BaseModel):
    """Base of everything in a report: frozen, and tolerant of keys that a later version adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class AgentRef(ReportModel):
    """The agent a report is about; of several agents, uuid and service are empty and the name says so."""

    uuid: str
    name: str
    service: str


class TimeWindow(ReportModel):
    """The half-open window [start, end): traces that END in it are analysed."""

    start: datetime
    end: datetime


class NotObservable(ReportModel):
    """A detector that could not look, and the fields whose absence kept it from looking."""

    detector: str
    missing_fields: tuple[str, ...]


class Coverage(ReportModel):
    """What was looked at, and how much of what failed the findings explain."""

    traces: int
    spans: int
    excluded_traces: int = Field(description="Traces of the window that had not completed when it was read.")
    failing_traces: int
    outcome_source: str = Field(description="Where 'failing' comes from: root_status or structural.")
    explained_failing_traces: int
    dropped_spans: int = Field(description="Spans of the window that retention took before they were read.")
    error_spans: int
    leaf_errors: int
    input_tokens: int
    output_tokens: int
    not_observable: tuple[NotObservable, ...]
    tests_run: int


class Counts(ReportModel):
    """How often: affected of opportunities, with the 95 % Wilson interval of the rate."""

    affected_spans: int
    opportunities: int
    affected_traces: int
    traces: int
    rate: float
    ci_low: float
    ci_high: float


class Split(ReportModel):
    """The same count for one value of one property, e.g. by="argument_keys", value='[""]'."""

    by: str
    value: str
    affected: int
    opportunities: int


class Waste(ReportModel):
    """What the affected work cost, at most: tokens of LLM spans and seconds of spans, each counted once."""

    tokens: int
    seconds: float


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


class Finding(ReportModel):
    """One systemic failure: what, how often, what it costs, whose it is, and how to see that it is fixed."""

    id: str
    fingerprint: str = Field(description="Stable over runs: a hash of detector, service, subject and cause.")
    detector: str
    category: str
    title: str
    owner: Owner
    severity: Severity
    confidence: Literal["high", "medium", "low"]
    status: FindingStatus
    first_seen: datetime
    last_seen: datetime
    counts: Counts
    splits: tuple[Split, ...]
    waste: Waste
    evidence: tuple[Evidence, ...]
    queries: tuple[Query, ...]
    explanation: str
    fix: str
    acceptance_query: str
    baseline: float | None = Field(
        default=None,
        description="Of a finding that is not seen any more but not resolved: the lower bound of its rate when it was.",
    )


class Claims(ReportModel):
    """The ledger of checked claims; empty in a report made without a model."""

    confirmed: int = 0
    wrong: int = 0
    not_found: int = 0
    not_checkable: int = 0
    ledger: tuple[dict[str, Scalar], ...] = ()


class Spend(ReportModel):
    """What making the report cost; seconds is wall-clock time."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    seconds: float


class AgentBreakdown(ReportModel):
    """One agent's share of a report over several agents."""

    agent: AgentRef
    traces: int
    spans: int
    error_spans: int
    leaf_errors: int
    input_tokens: int
    output_tokens: int
    findings: int


class Report(ReportModel):
    """One run's result."""

    schema_version: Literal[1] = 1
    report_id: str
    run_id: str
    agent: AgentRef
    window: TimeWindow
    generated_at: datetime
    mode: Literal["analysis", "model"]
    headline: str = Field(description="What is wrong, in one sentence.")
    coverage: Coverage
    agents: tuple[AgentBreakdown, ...] = ()
    findings: tuple[Finding, ...]
    claims: Claims
    narrative_md: str
    spend: Spend
    notes: tuple[str, ...] = Field(default=(), description="What was left out, one sentence each.")


def report_schema() -> dict[str, object]:
    """The JSON Schema of a report, as `halo report schema` prints it."""
    return Report.model_json_schema(mode="serialization")
