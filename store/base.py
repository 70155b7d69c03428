"""What a store backend promises; narrow, so that a second backend can pass the same contract suite.

The window (spans, expendable) and the control data (runs, reports, deliveries, precious) are separate promises.
Reading and control are plain synchronous calls: callers on an event loop put them on a thread.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from domain.claims import Scalar
from domain.contents import TraceContents
from domain.findings import FindingFilter, KnownFinding
from domain.following import SavedBucket
from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest
from domain.report import FindingMark, Report
from domain.runs import (
    Cadence,
    Conversation,
    Delivery,
    Run,
    RunEvent,
    RunOptions,
    RunOrigin,
    RunStatus,
    RunWindow,
    Schedule,
    Trigger,
)
from domain.spans import Agent, StoredSpan, StoredTrace, TraceLines, TraceSummary
from domain.sql import NO_ARGS, SQL_LIMITS, SqlAnswer, SqlLimits


class Appended(NamedTuple):
    """What became of a request: spans kept (resent ones included), spans refused, and why the first was."""

    accepted: int
    rejected: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Traces of some agents (all when None) whose end lies in [end_from_ns, end_to_ns)."""

    end_from_ns: int
    end_to_ns: int
    agent_uuids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """The completed traces of a selection, by end time, and what is not among them.

    `settling` traces have an ended root but not yet their quiet period; `open` ones have neither.
    `dropped_spans` is what retention took of this selection before.
    """

    keys: tuple[int, ...]
    settling: int
    open: int
    dropped_spans: int


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces a list shows, and in what order (`-` first means descending)."""

    agent_uuid: str | None = None
    status: str | None = None  # ok | error: error means at least one leaf error
    since_ns: int | None = None
    limit: int = 50
    offset: int = 0
    sort: str = "-start"  # start, duration, spans, tokens, errors


class WindowWriter(Protocol):
    """Where receivers put spans."""

    async def append(self, request: bytes, message: ExportTraceServiceRequest) -> Appended:
        """Keep a request; returns only after the commit is on disk.

        `message` is `request` parsed. Spans with ids of wrong length or all zero are rejected, the others kept.
        RetryableError: nothing of the request was kept (disk full, not ready).
        """

    async def append_logs(self, request: bytes, message: ExportLogsServiceRequest) -> Appended:
        """Keep, as above, log records of an agent's work (`gen_ai.*`, exceptions) for the span they name, which may
        come later; the others are accepted and counted as dropped."""


class WindowReader(Protocol):
    """The reading door: blocks no writer, changes nothing; a span's log records are its last events."""

    def agents(self, since_ns: int | None = None) -> list[Agent]:
        """Agents that received spans since a time of arrival, most recently seen first."""

    def find_agent(self, uuid_prefix: str) -> Agent | None:
        """The one agent whose UUID starts so; PermanentError when several do."""

    def select(self, selection: Selection) -> Selected:
        """The traces a run looks at."""

    def keys(self, selection: Selection) -> tuple[int, ...]:
        """All traces of a selection, complete or not, by end time."""

    def read(self, keys: Sequence[int]) -> Iterator[StoredTrace]:
        """Whole traces in the order of the keys; a trace that retention took meanwhile is left out."""

    def holding(self, needle: bytes, keys: Sequence[int]) -> frozenset[int]:
        """Those of some traces that may hold a text (UTF-8); one that does, in any span, is never missing."""

    def list_traces(self, wanted: TraceFilter) -> list[TraceSummary]:
        """Trace summaries, one page."""

    def trace(self, trace_id_prefix: str) -> StoredTrace | None:
        """One trace by OTLP or source id, or a unique prefix of at least 4 characters; PermanentError when several."""

    def lines(self, trace_id_prefix: str) -> TraceLines | None:
        """As `trace`, undecoded; None also where spans do not stand as lines, or have log records beside them."""

    def span(self, trace_id: str, span_id: str) -> StoredSpan | None:
        """One span by its ids in hexadecimal."""

    def live(self, agent_uuid: str | None, from_ns: int, to_ns: int) -> list[SavedBucket]:
        """What was counted live of an agent, or of all: the buckets that start in [from, to), the oldest first."""

    def sums(self) -> Mapping[str, int]:
        """Totals: agents, traces, spans, error_spans, leaf_errors, input_tokens, output_tokens, hot_bytes, frames,
        log_records."""

    def query(
        self, sql: str, args: Mapping[str, Scalar] = NO_ARGS, *, selection: Selection, limits: SqlLimits = SQL_LIMITS
    ) -> SqlAnswer:
        """Answer one SELECT over views of a selection's complete traces; PermanentError when it is at fault."""

    def contents(self, positions: Sequence[int], *, selection: Selection) -> list[TraceContents]:
        """What the spans of a selection's complete traces at some positions come to, by position; errors as `query`."""

    def query_schema(self) -> str:
        """Those views and their columns, a line each."""


@dataclass(frozen=True, slots=True)
class EvidenceBundle:
    """What a report freezes: the fact rows its queries counted, and the spans it cites as encoded TracesData."""

    columns: tuple[str, ...]
    rows: Iterable[Sequence[Any]]
    cited: bytes
    meta: Mapping[str, str]


class ControlStore(Protocol):
    """Runs, conversations, schedules, reports, evidence, deliveries. Thread-safe; every call is one transaction."""

    def create_run(
        self,
        agent_uuid: str,
        window: RunWindow,
        options: RunOptions,
        *,
        title: str,
        origin: RunOrigin = "manual",
        schedule_id: str | None = None,
        scheduled_for: datetime | None = None,
        conversation_id: str | None = None,
    ) -> Run | None:
        """Queue a run in a new conversation or a given one; None when its schedule has one waiting or had this slot."""

    def trigger_run(
        self,
        agent_uuid: str,
        window: RunWindow,
        trigger: Trigger,
        figures: Mapping[str, Any],
        *,
        title: str,
        cooled_since: datetime,
    ) -> Run | None:
        """Queue a run that an alarm asks for, with an event that tells the alarm's figures.

        None when a triggered run of the agent waits, or one was created after `cooled_since` for this kind of alarm."""

    def run(self, id_prefix: str) -> Run | None:
        """One run by id or unique prefix; PermanentError when several match."""

    def runs(
        self,
        *,
        agent_uuid: str | None = None,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Run]:
        """Runs, newest first."""

    def claim_run(self) -> Run | None:
        """Take the oldest queued run whose agent has none running: `starting`, attempt + 1."""

    def recover_runs(self) -> list[Run]:
        """At start: runs left `starting` or `running` by a crash go back to `queued`; cancelled ones end."""

    def requeue_run(self, run_id: str, attempt: int, error: str | None = None) -> bool:
        """An attempt that died goes back to the queue, or ends if cancellation was asked for; False as `end_run`."""

    def mark_running(self, run_id: str, attempt: int) -> bool:
        """`starting` → `running`; False when this attempt is no longer the current one."""

    def end_run(self, run_id: str, attempt: int, status: RunStatus, error: str | None = None) -> bool:
        """End a run without a report; False when this attempt is no longer the current one."""

    def save_report(
        self,
        run_id: str,
        attempt: int,
        report: Report,
        markdown: str,
        evidence: EvidenceBundle,
        exporters: Sequence[str],
        status: RunStatus = "completed",
    ) -> bool:
        """Run + report + message + evidence + register + owed deliveries in one transaction; False as for `end_run`."""

    def request_cancel(self, run_id: str, reason: str) -> Run | None:
        """Ask for cancellation: a queued run ends at once, another carries the reason until its worker acts."""

    def add_event(self, run_id: str, kind: str, payload: Mapping[str, Any]) -> None:
        """Append to a run's timeline; sequences start at 1."""

    def events(self, run_id: str, *, after: int = 0, limit: int = 100) -> list[RunEvent]:
        """A run's timeline in order."""

    def conversations(self, *, limit: int = 50, offset: int = 0) -> list[Conversation]:
        """Conversations without messages, newest first."""

    def conversation(self, id_prefix: str) -> Conversation | None:
        """One conversation with messages, runs (reports included) and datasets."""

    def report(self, id_prefix: str) -> Report | None:
        """A report by report id or run id, or a unique prefix of either."""

    def reports(self, *, agent_uuid: str | None = None, limit: int = 50, offset: int = 0) -> list[Report]:
        """Reports, newest first."""

    def evidence(self, run_id: str) -> bytes | None:
        """The evidence database of a run as a SQLite file's bytes."""

    def forget_runs(self, *, keep: int, before: datetime) -> int:
        """Take ended runs with all that hangs on them: those that ended before a time, and all but `keep` an agent.

        Never an agent's last report, nor what is still to be delivered. Returns how many, a bounded number at once.
        """

    def findings(self, wanted: FindingFilter) -> list[KnownFinding]:
        """Entries of the register without history: by severity, resolved ones after the others, muted ones last."""

    def finding(self, id_prefix: str) -> KnownFinding | None:
        """One entry with all its history, by a unique prefix of id, fingerprint or id in a report; PermanentError."""

    def known_findings(self, agent_uuid: str) -> list[KnownFinding]:
        """All entries of an agent, each with as much of its history as a report tells."""

    def mark_finding(self, finding_id: str, mark: FindingMark, reason: str) -> KnownFinding | None:
        """Mute or acknowledge a finding, or take that back with an empty mark; None when there is no such entry."""

    def create_schedule(
        self,
        title: str,
        agent_uuid: str,
        cadence: Cadence,
        *,
        lookback_hours: float,
        options: RunOptions,
        enabled: bool,
    ) -> Schedule:
        """A new schedule; its next fire is computed by the scheduler."""

    def update_schedule(self, schedule_id: str, changes: Mapping[str, Any]) -> Schedule | None:
        """Replace some fields (those of `Schedule`); None when there is no such schedule."""

    def schedule(self, id_prefix: str) -> Schedule | None:
        """One schedule by id or unique prefix."""

    def schedules(self, *, include_archived: bool = False) -> list[Schedule]:
        """Schedules, newest first."""

    def fire_schedule(self, schedule_id: str, slot: datetime, window: RunWindow, next_fire_at: datetime) -> Run | None:
        """Queue the run of one slot and advance the schedule in one transaction; None if the slot was taken."""

    def due_deliveries(self, exporter: str, now: datetime, limit: int = 10) -> list[Delivery]:
        """Pending deliveries of an exporter whose time has come, oldest first."""

    def settle_delivery(self, delivery_id: str, *, error: str | None = None, retry_at: datetime | None = None) -> None:
        """Record an attempt: delivered without error, pending again with `retry_at`, dead with an error alone."""

    def deliveries(self, run_id: str) -> list[Delivery]:
        """All deliveries of a run."""
