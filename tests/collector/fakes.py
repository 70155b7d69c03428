"""Second implementations of what the collector is given: a window and a control store that keep all in memory."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest, Span
from domain.report import AgentRef, Claims, Coverage, Report, Spend, TimeWindow
from domain.runs import Conversation, Delivery, Message, Run, RunWindow
from domain.signals import LOGS
from store.base import Appended

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AGENT_UUID = "7d9f2a50-0c5c-5d57-9d1b-0a3f0f7f3f10"


class FakeWindow:
    """A WindowWriter in memory: rejects broken ids span by span, and fails or waits when told to."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.spans: list[Span] = []
        self.failure: Exception | None = None
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, request: bytes, message: ExportTraceServiceRequest) -> Appended:
        self.entered.set()
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        assert ExportTraceServiceRequest.FromString(request) == message, "the parsed request is not the request"
        spans = [span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans]
        good = [span for span in spans if is_id(span.trace_id, 16) and is_id(span.span_id, 8)]
        self.requests.append(request)
        self.spans += good
        rejected = len(spans) - len(good)
        return Appended(len(good), rejected, f"{rejected} spans have no valid ids" if rejected else "")

    async def append_logs(self, request: bytes, message: ExportLogsServiceRequest) -> Appended:
        if self.failure is not None:
            raise self.failure
        self.requests.append(request)
        return Appended(LOGS.count(message), 0)


def is_id(value: bytes, length: int) -> bool:
    return len(value) == length and any(value)


class FakeControl:
    """The part of a ControlStore that delivery uses, in memory; pass `owed` on to another one for a restart."""

    def __init__(self, owed: dict[str, Delivery] | None = None, *, reports: dict[str, Report] | None = None) -> None:
        self.owed = owed if owed is not None else {}
        self.reports = reports if reports is not None else {}
        self.evidence_db: bytes | None = b"SQLite format 3\x00"
        self.failure: Exception | None = None
        self.failed = 0

    def owe(self, exporter: str, run_id: str = "run-1", at: datetime = NOON) -> Delivery:
        """Queue a delivery of a new report."""
        made = report(run_id)
        self.reports[made.report_id] = made
        delivery = Delivery(
            id=f"delivery-{run_id}-{exporter}",
            run_id=run_id,
            report_id=made.report_id,
            exporter=exporter,
            status="pending",
            attempts=0,
            next_attempt_at=at,
            created_at=at,
        )
        self.owed[delivery.id] = delivery
        return delivery

    def due_deliveries(self, exporter: str, now: datetime, limit: int = 10) -> list[Delivery]:
        if self.failure is not None:
            self.failed += 1
            raise self.failure
        due = [
            each
            for each in self.owed.values()
            if each.exporter == exporter and each.status == "pending" and each.next_attempt_at <= now
        ]
        return sorted(due, key=lambda each: each.created_at)[:limit]

    def settle_delivery(self, delivery_id: str, *, error: str | None = None, retry_at: datetime | None = None) -> None:
        owed = self.owed[delivery_id]
        status = "delivered" if error is None else "pending" if retry_at else "dead"
        changes = {"status": status, "attempts": owed.attempts + 1, "last_error": error}
        self.owed[delivery_id] = owed.model_copy(
            update=changes | ({"next_attempt_at": retry_at} if retry_at is not None else {})
        )

    def report(self, id_prefix: str) -> Report | None:
        return self.reports.get(id_prefix)

    def run(self, id_prefix: str) -> Run | None:
        window = RunWindow(start=NOON - timedelta(days=1), end=NOON)
        return Run(
            id=id_prefix,
            conversation_id=f"conversation of {id_prefix}",
            agent_uuid=AGENT_UUID,
            status="completed",
            window=window,
            created_at=NOON,
        )

    def conversation(self, id_prefix: str) -> Conversation | None:
        run_id = id_prefix.removeprefix("conversation of ")
        said = Message(sequence=1, role="assistant", content=f"# Report of {run_id}", run_id=run_id, created_at=NOON)
        return Conversation(
            id=id_prefix, title="t", agent_uuid=AGENT_UUID, created_at=NOON, updated_at=NOON, messages=(said,)
        )

    def evidence(self, run_id: str) -> bytes | None:
        return self.evidence_db


class FakeExporter:
    """A ReportExporter that remembers what reached it, after failing with what it was given first."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.taken: list[str] = []
        self.markdown: list[str] = []
        self.attempts = 0
        self.is_open = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempted = asyncio.Event()

    async def __aenter__(self) -> "FakeExporter":
        self.is_open = True
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.is_open = False

    async def export(
        self, delivery: Delivery, report: Report, markdown: str, evidence: Callable[[], bytes | None]
    ) -> None:
        assert self.is_open, "exported to a closed exporter"
        self.attempts += 1
        self.attempted.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(delivery.id)
        self.markdown.append(markdown)


def report(run_id: str = "run-1", *, agent_uuid: str = AGENT_UUID, generated_at: datetime = NOON) -> Report:
    """A small but complete report."""
    coverage = Coverage(
        traces=3,
        spans=30,
        excluded_traces=0,
        failing_traces=1,
        outcome_source="root_status",
        explained_failing_traces=0,
        dropped_spans=0,
        error_spans=1,
        leaf_errors=1,
        input_tokens=10,
        output_tokens=5,
        not_observable=(),
        tests_run=1,
    )
    return Report(
        report_id=f"report-of-{run_id}",
        run_id=run_id,
        agent=AgentRef(uuid=agent_uuid, name="agent", service="service"),
        window=TimeWindow(start=NOON - timedelta(days=1), end=NOON),
        generated_at=generated_at,
        mode="analysis",
        headline="Nothing systemic was found.",
        coverage=coverage,
        findings=(),
        claims=Claims(),
        narrative_md="",
        spend=Spend(seconds=0.1),
    )


def request(
    *spans: Span, service: str = "svc", trace_id: bytes = b"\x01" * 16, count: int = 1
) -> ExportTraceServiceRequest:
    """A request with the spans, or with `count` small ones."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    made = spans or [
        Span(trace_id=trace_id, span_id=number.to_bytes(8, "big"), name="work", start_time_unix_nano=1)
        for number in range(1, count + 1)
    ]
    resource.scope_spans.add().spans.extend(made)
    return message


def delivery(run_id: str = "run-1") -> Delivery:
    """A delivery as an exporter is given it."""
    return FakeControl().owe("x", run_id)


def no_evidence() -> bytes | None:
    """The evidence of a run that has none."""
    return None
