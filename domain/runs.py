"""Runs, conversations, schedules and deliveries: the nouns of when to look and whom to tell.

Control objects cross the REST API unchanged, so their field names are the API's. Times are UTC.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

RunStatus = Literal[
    "queued",
    "starting",
    "running",
    "completed",
    "incomplete",
    "failed",
    "cancelled",
    "timed_out",
    "no_traces",
]
TERMINAL_STATUSES: frozenset[RunStatus] = frozenset(
    ("completed", "incomplete", "failed", "cancelled", "timed_out", "no_traces")
)
RunOrigin = Literal["manual", "scheduled", "triggered", "follow_up"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Frequency = Literal["hourly", "daily", "weekly", "monthly"]
DeliveryStatus = Literal["pending", "delivered", "dead"]
DEFAULT_LOOKBACK_HOURS = 24
DEFAULT_SPAN_LIMIT = 10_000
DEFAULT_MAX_SUBAGENT_DEPTH = 3
DEFAULT_MAX_TURNS = 50


class ControlModel(BaseModel):
    """Base of control objects: frozen values, replaced as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RunWindow(ControlModel):
    """The half-open window [start, end) of trace END times that a run looks at."""

    start: datetime
    end: datetime


class RunOptions(ControlModel):
    """How a run looks; the model's limits are kept with the run even when no model is configured."""

    prompt: str | None = None
    model_id: str | None = None
    span_limit: int = DEFAULT_SPAN_LIMIT
    max_subagent_depth: int = DEFAULT_MAX_SUBAGENT_DEPTH
    max_turns: int = DEFAULT_MAX_TURNS
    no_model: bool = False
    subagent_model_id: str | None = None
    reasoning_effort: Effort | None = None
    budget_tokens: int | None = None
    budget_usd: float | None = None
    budget_seconds: float | None = None


class Trigger(ControlModel):
    """The alarm in an agent's live traffic that asked for a run: what kind, about what, and in a sentence."""

    kind: str
    subject: str
    text: str
    also: tuple[str, ...] = ()  # the other kinds of alarm that were on at that moment


class Run(ControlModel):
    """One analysis of one agent over one window; `attempt` grows when a crash made it start again."""

    id: str
    conversation_id: str
    agent_uuid: str
    status: RunStatus
    window: RunWindow
    options: RunOptions = RunOptions()
    origin: RunOrigin = "manual"
    schedule_id: str | None = None
    scheduled_for: datetime | None = None
    trigger: Trigger | None = None
    attempt: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_reason: str | None = None  # set when cancellation was asked for
    error: str | None = None
    report_id: str | None = None
    traces: int | None = None
    spans: int | None = None


class RunEvent(ControlModel):
    """One step in a run's timeline."""

    sequence: int
    type: str
    created_at: datetime
    payload: dict[str, Any]


class Message(ControlModel):
    """One message of a conversation; the first assistant message is the report in Markdown."""

    sequence: int
    role: Literal["user", "assistant"]
    content: str
    run_id: str | None = None
    created_at: datetime


class ConversationRun(ControlModel):
    """A run as a conversation lists it; `report` is the report's JSON once there is one."""

    id: str
    status: RunStatus
    report: dict[str, Any] | None = None
    created_at: datetime
    finished_at: datetime | None = None


class Dataset(ControlModel):
    """The frozen extract a run read: which agent, which window, how much."""

    run_id: str
    agent_uuid: str
    window: RunWindow
    traces: int | None
    spans: int | None


class Conversation(ControlModel):
    """The thread a run lives in."""

    id: str
    title: str
    agent_uuid: str
    created_at: datetime
    updated_at: datetime
    latest_run_status: RunStatus | None = None
    messages: tuple[Message, ...] = ()
    runs: tuple[ConversationRun, ...] = ()
    datasets: tuple[Dataset, ...] = ()


class Cadence(ControlModel):
    """When a schedule fires; lists are sorted and without repeats. Sunday is 0."""

    frequency: Frequency
    minutes: tuple[int, ...]
    hours: tuple[int, ...] = ()
    days_of_week: tuple[int, ...] = ()
    days_of_month: tuple[int, ...] = ()
    timezone: str = "UTC"


class Schedule(ControlModel):
    """A recurring analysis of one agent; look-back is independent of cadence."""

    id: str
    title: str
    agent_uuid: str
    cadence: Cadence
    lookback_hours: float = DEFAULT_LOOKBACK_HOURS
    options: RunOptions = RunOptions()
    enabled: bool = True
    archived: bool = False
    created_at: datetime
    updated_at: datetime | None = None  # when a person last changed it: its slots count from then on
    next_fire_at: datetime | None = None
    last_fired_for: datetime | None = None


class Delivery(ControlModel):
    """A report owed to one exporter; the id is the same in every attempt, so receivers can drop repeats."""

    id: str
    run_id: str
    report_id: str
    exporter: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime
    last_error: str | None = None
    created_at: datetime
    delivered_at: datetime | None = None
