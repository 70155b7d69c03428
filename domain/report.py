"""The report contract: JSON first; Markdown, HTML, Slack and spans are renderings of it.

Names are fixed by schema version 1; later versions may add keys, never rename them. Times are ISO 8601 in
UTC, durations seconds, rates fractions of one.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.claims import Checked
from domain.claims import Scalar as Scalar
from domain.inquiry import Inquiry as Inquiry
from domain.inquiry import ModelFinding as ModelFinding
from domain.report_values import SEVERITIES as SEVERITIES
from domain.report_values import Counts as Counts
from domain.report_values import Evidence as Evidence
from domain.report_values import Owner as Owner
from domain.report_values import Query as Query
from domain.report_values import ReportModel as ReportModel
from domain.report_values import Severity as Severity

FindingStatus = Literal["new", "persisting", "worse", "better", "resolved", "reopened"]
FindingMark = Literal["", "muted", "acknowledged"]


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
    outcome_source: str = Field(
        description="Where 'failing' comes from, joined with + where agents differ: "
        "evaluation, feedback, root_status or structural."
    )
    stated_outcomes: int = Field(
        default=0, description="Traces whose outcome something stated (an evaluation, feedback or their root's status)."
    )
    explained_failing_traces: int
    dropped_spans: int = Field(description="Spans of the window that retention took before they were read.")
    error_spans: int
    leaf_errors: int
    input_tokens: int
    output_tokens: int
    not_observable: tuple[NotObservable, ...]
    tests_run: int
    p_threshold: float | None = Field(
        default=None,
        description="The largest p-value that stands when all significance tests of the run are held to a false "
        "discovery rate of 5 % (Benjamini-Hochberg); none when no test was made or none stands.",
    )
    unexplained: tuple[str, ...] = Field(
        default=(), description="Failing traces that no finding touches, at most ten, to be read by hand."
    )


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


class TrendPoint(ReportModel):
    """A finding's count in one stretch of the window, [start, end), with the 95 % Wilson interval of its rate."""

    start: datetime
    end: datetime
    affected: int
    opportunities: int
    ci_low: float
    ci_high: float


class PastRate(ReportModel):
    """What an earlier report said of the same finding."""

    report_id: str
    generated_at: datetime
    status: FindingStatus
    affected: int
    opportunities: int
    ci_low: float
    ci_high: float


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
    bound: float | None = Field(default=None, description="Of a resolved finding: what its rate is at most (95 %).")
    figures: dict[str, Scalar] = Field(
        default_factory=dict, description="What else its first query computes: an odds ratio, a p-value, a cost."
    )
    trend: tuple[TrendPoint, ...] = Field(default=(), description="The count over the window's time.")
    history: tuple[PastRate, ...] = Field(default=(), description="What earlier reports said of it, oldest first.")
    reports: int = Field(default=1, description="The reports that saw it, this one included when it sees it.")
    mark: FindingMark = Field(
        default="", description="What somebody decided: muted findings are told last and alarm nobody."
    )
    mark_reason: str = ""


class Claims(ReportModel):
    """The ledger of checked claims: what the report says, checked before it was saved."""

    confirmed: int = 0
    wrong: int = 0
    not_found: int = 0
    not_checkable: int = 0
    ledger: tuple[Checked, ...] = ()


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


class TimelinePoint(ReportModel):
    """The window's traces that ended in [start, end)."""

    start: datetime
    end: datetime
    traces: int
    failing_traces: int
    spans: int
    leaf_errors: int
    tokens: int


class WaterfallSpan(ReportModel):
    """One span of an exemplar's trace; `depth` 0 is a root, times are milliseconds since the trace began."""

    span_id: str
    name: str
    kind: str
    status: str
    depth: int
    start_ms: float
    end_ms: float
    cited: bool


class Waterfall(ReportModel):
    """The trace of a finding's first exemplar, at most 60 spans: the cited ones, those around them, the longest."""

    fingerprint: str
    trace_id: str
    left_out: int
    spans: tuple[WaterfallSpan, ...]


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
    previous_report_id: str = Field(default="", description="The report that statuses compare with; empty without one.")
    timeline: tuple[TimelinePoint, ...] = Field(default=(), description="The window in equal stretches of time.")
    waterfalls: tuple[Waterfall, ...] = Field(default=(), description="Of the first findings, an exemplar's trace.")
    inquiry: Inquiry | None = Field(default=None, description="What a model added; none in a report of analysis alone.")


def report_schema() -> dict[str, object]:
    """The JSON Schema of a report, as `halo report schema` prints it."""
    return Report.model_json_schema(mode="serialization")
