"""A window and a control store in memory: enough of their promises for the API to be asked everything."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.errors import PermanentError
from domain.otlp import InstrumentationScope, KeyValue, Resource, Span, Status, any_value
from domain.report import Report
from domain.runs import Cadence, Conversation, Delivery, Message, Run, RunEvent, RunOptions, RunWindow, Schedule
from domain.spans import Agent, SpanStatus, StoredSpan, StoredTrace, TraceSummary
from store.base import TraceFilter

NOW = datetime(2025, 3, 2, 12, 0, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9
RESEARCHER = Agent("aaaa1111-0000-5000-8000-000000000000", "researcher", "gaia", 3, 12, NOW_NS)
CLERK = Agent("aaaa2222-0000-5000-8000-000000000000", "clerk", "shop", 1, 4, NOW_NS - 40 * 86_400 * 10**9)


def a_summary(number: int, agent: Agent = RESEARCHER) -> TraceSummary:
    """A trace of two seconds with an error in every second one."""
    return TraceSummary(
        trace_id=f"{number:032x}",
        source_trace_id=f"{number:032x}",
        agent_uuid=agent.uuid,
        agent_name=agent.name,
        service=agent.service,
        root_name="run",
        session=None,
        start_ns=NOW_NS + number * 10**9,
        end_ns=NOW_NS + (number + 2) * 10**9,
        span_count=3,
        llm_spans=1,
        tool_spans=1,
        error_spans=number % 2,
        leaf_errors=number % 2,
        input_tokens=100,
        output_tokens=10,
        status=SpanStatus.UNSET,
        has_root=True,
        complete=True,
    )


def a_span(own: int, parent: int, name: str, start: int, **attributes: Any) -> StoredSpan:
    span = Span(
        trace_id=(1).to_bytes(16, "big"),
        span_id=own.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        start_time_unix_nano=NOW_NS + start,
        end_time_unix_nano=NOW_NS + start + 500_000_000,
        attributes=[KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()],
        status=Status(code=2, message="boom 7") if name == "lookup" else None,
    )
    resource = Resource(attributes=[KeyValue(key="service.name", value=any_value("gaia"))])
    return StoredSpan(resource, InstrumentationScope(name="test"), span, span.SerializeToString(), NOW_NS)


SPANS = (
    a_span(3, 1, "lookup", 20, **{"tool.name": "lookup", "raw": b"\x00\xff", "odd": float("nan")}),
    a_span(1, 0, "run", 0, **{"openinference.span.kind": "AGENT"}),
    a_span(4, 3, "inner", 30),
    a_span(2, 1, "chat", 10, **{"llm.model_name": "m", "llm.token_count.prompt": 100}),
    a_span(9, 8, "orphan", 40),
)


class FakeWindow:
    """Two agents and five traces; trace 1 can be read whole."""

    def agents(self, since_ns: int | None = None) -> list[Agent]:
        return [agent for agent in (RESEARCHER, CLERK) if agent.last_seen_ns >= (since_ns or 0)]

    def find_agent(self, uuid_prefix: str) -> Agent | None:
        return _only([agent for agent in (RESEARCHER, CLERK) if agent.uuid.startswith(uuid_prefix)], "agents")

    def list_traces(self, wanted: TraceFilter) -> list[TraceSummary]:
        found = [
            summary
            for summary in map(a_summary, range(1, 6))
            if wanted.agent_uuid in (None, summary.agent_uuid)
            and wanted.status in (None, "error" if summary.leaf_errors else "ok")
            and summary.start_ns >= (wanted.since_ns or 0)
        ]
        found.sort(key=lambda each: each.start_ns, reverse=wanted.sort.startswith("-"))
        return found[wanted.offset : wanted.offset + wanted.limit]

    def trace(self, trace_id_prefix: str) -> StoredTrace | None:
        known = f"{1:032x}"
        return StoredTrace(a_summary(1), SPANS) if known.startswith(trace_id_prefix) else None

    def span(self, trace_id: str, span_id: str) -> StoredSpan | None:
        return next((span for span in SPANS if (span.trace_id, span.span_id) == (trace_id, span_id)), None)


class FakeControl:
    """Runs, schedules and reports in dictionaries."""

    def __init__(self) -> None:
        self.all_runs: dict[str, Run] = {}
        self.all_schedules: dict[str, Schedule] = {}
        self.all_reports: dict[str, Report] = {}
        self.all_events: dict[str, list[RunEvent]] = {}
        self.titles: dict[str, str] = {}

    def create_run(self, agent_uuid: str, window: RunWindow, options: RunOptions, *, title: str, **rest: Any) -> Run:
        number = len(self.all_runs) + 1
        run = Run(
            id=f"run-{number}",
            conversation_id=f"conv-{number}",
            agent_uuid=agent_uuid,
            status="queued",
            window=window,
            options=options,
            created_at=NOW,
            **rest,
        )
        self.all_runs[run.id] = run
        self.titles[run.conversation_id] = title
        return run

    def set_run(self, run_id: str, **changes: Any) -> None:
        self.all_runs[run_id] = self.all_runs[run_id].model_copy(update=changes)

    def run(self, id_prefix: str) -> Run | None:
        exact = self.all_runs.get(id_prefix)
        return exact or _only([run for key, run in self.all_runs.items() if key.startswith(id_prefix)], "runs")

    def runs(
        self,
        *,
        agent_uuid: str | None = None,
        schedule_id: str | None = None,
        status: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Run]:
        found = [
            run
            for run in reversed(self.all_runs.values())
            if agent_uuid in (None, run.agent_uuid)
            and schedule_id in (None, run.schedule_id)
            and status in (None, run.status)
        ]
        return found[offset : offset + limit]

    def request_cancel(self, run_id: str, reason: str) -> Run | None:
        status = "cancelled" if self.all_runs[run_id].status == "queued" else self.all_runs[run_id].status
        self.set_run(run_id, cancel_reason=reason, status=status)
        return self.all_runs[run_id]

    def events(self, run_id: str, *, after: int = 0, limit: int = 100) -> list[RunEvent]:
        return [event for event in self.all_events.get(run_id, []) if event.sequence > after][:limit]

    def deliveries(self, run_id: str) -> list[Delivery]:
        return [
            Delivery(
                id="d-1",
                run_id=run_id,
                report_id="rep-1",
                exporter="file",
                status="pending",
                attempts=2,
                next_attempt_at=NOW,
                last_error="disk full",
                created_at=NOW,
            )
        ]

    def conversation(self, id_prefix: str) -> Conversation | None:
        run = next((run for run in self.all_runs.values() if run.conversation_id.startswith(id_prefix)), None)
        if run is None:
            return None
        message = Message(sequence=1, role="assistant", content="# Report\n\nAll of it.", created_at=NOW)
        return self._thread(run).model_copy(update={"messages": (message,)})

    def conversations(self, *, limit: int = 50, offset: int = 0) -> list[Conversation]:
        return [self._thread(run) for run in reversed(self.all_runs.values())][offset : offset + limit]

    def _thread(self, run: Run) -> Conversation:
        title = self.titles[run.conversation_id]
        return Conversation(
            id=run.conversation_id, title=title, agent_uuid=run.agent_uuid, created_at=NOW, updated_at=NOW
        )

    def report(self, id_prefix: str) -> Report | None:
        return next(
            (
                report
                for report in self.all_reports.values()
                if report.report_id.startswith(id_prefix) or report.run_id.startswith(id_prefix)
            ),
            None,
        )

    def reports(self, *, agent_uuid: str | None = None, limit: int = 50, offset: int = 0) -> list[Report]:
        found = [report for report in self.all_reports.values() if agent_uuid in (None, report.agent.uuid)]
        return found[offset : offset + limit]

    def evidence(self, run_id: str) -> bytes | None:
        return b"SQLite format 3\x00..." if run_id == "run-1" else None

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
        made = Schedule(
            id=f"sched-{len(self.all_schedules) + 1}",
            title=title,
            agent_uuid=agent_uuid,
            cadence=cadence,
            lookback_hours=lookback_hours,
            options=options,
            enabled=enabled,
            created_at=NOW,
        )
        self.all_schedules[made.id] = made
        return made

    def update_schedule(self, schedule_id: str, changes: Mapping[str, Any]) -> Schedule | None:
        changed = self.all_schedules[schedule_id].model_copy(update=dict(changes))
        self.all_schedules[schedule_id] = changed
        return changed

    def schedule(self, id_prefix: str) -> Schedule | None:
        return _only([each for key, each in self.all_schedules.items() if key.startswith(id_prefix)], "schedules")

    def schedules(self, *, include_archived: bool = False) -> list[Schedule]:
        return [each for each in self.all_schedules.values() if include_archived or not each.archived]


def _only(found: list[Any], noun: str) -> Any:
    if len(found) > 1:
        raise PermanentError(f"several {noun} start so; write more of the id")
    return found[0] if found else None


__all__ = ["CLERK", "NOW", "RESEARCHER", "FakeControl", "FakeWindow"]
