"""A report as a trace: the run as one span, each finding as a child linked to its evidence.

Written back into the tracing backend, a finding stands beside the spans it is about. All ids derive from
the run id, so a second delivery of the same report is the same trace. The spans carry the service name
`halo-sidecar`, by which the window refuses them: HALO never analyses itself.
"""

import hashlib
from datetime import datetime

from domain.otlp import ExportTraceServiceRequest, KeyValue, PlainValue, Span, Status, any_value
from domain.report import Finding, Report
from domain.spans import OWN_SERVICE, SPAN_ID_BYTES, TRACE_ID_BYTES

RUN_SPAN = "halo.run"
FINDING_SPAN = "halo.finding"


def trace(report: Report) -> ExportTraceServiceRequest:
    """One request with the whole trace, ready for any OTLP receiver."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(_attributes({"service.name": OWN_SERVICE}))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "halo.report"
    scope_spans.scope.version = str(report.schema_version)
    scope_spans.spans.append(_run_span(report))
    scope_spans.spans.extend(_finding_span(finding, report) for finding in report.findings)
    return request


def trace_id(run_id: str) -> bytes:
    """The trace a run is written to."""
    return hashlib.sha256(f"halo.run/{run_id}".encode()).digest()[:TRACE_ID_BYTES]


def span_id(run_id: str, finding_id: str = "") -> bytes:
    """The span of a run, or of one of its findings."""
    return hashlib.sha256(f"halo.run/{run_id}/{finding_id}".encode()).digest()[:SPAN_ID_BYTES]


def _run_span(report: Report) -> Span:
    coverage = report.coverage
    said: dict[str, PlainValue] = {
        "halo.run.id": report.run_id,
        "halo.report.id": report.report_id,
        "halo.report.mode": report.mode,
        "halo.report.headline": report.headline,
        "halo.agent.uuid": report.agent.uuid,
        "halo.agent.name": report.agent.name,
        "halo.agent.service": report.agent.service,
        "halo.window.start": report.window.start.isoformat(),
        "halo.window.end": report.window.end.isoformat(),
        "halo.findings": len(report.findings),
        "halo.coverage.traces": coverage.traces,
        "halo.coverage.spans": coverage.spans,
        "halo.coverage.failing_traces": coverage.failing_traces,
        "halo.coverage.explained_failing_traces": coverage.explained_failing_traces,
        "halo.coverage.error_spans": coverage.error_spans,
        "halo.coverage.leaf_errors": coverage.leaf_errors,
    }
    return _span(report, RUN_SPAN, span_id(report.run_id), said)


def _finding_span(finding: Finding, report: Report) -> Span:
    counts = finding.counts
    said: dict[str, PlainValue] = {
        "halo.run.id": report.run_id,
        "halo.agent.uuid": report.agent.uuid,
        "halo.finding.id": finding.id,
        "halo.finding.fingerprint": finding.fingerprint,
        "halo.finding.detector": finding.detector,
        "halo.finding.category": finding.category,
        "halo.finding.title": finding.title,
        "halo.finding.owner": finding.owner,
        "halo.finding.severity": finding.severity,
        "halo.finding.confidence": finding.confidence,
        "halo.finding.status": finding.status,
        "halo.finding.affected_spans": counts.affected_spans,
        "halo.finding.opportunities": counts.opportunities,
        "halo.finding.affected_traces": counts.affected_traces,
        "halo.finding.rate": counts.rate,
        "halo.finding.ci_low": counts.ci_low,
        "halo.finding.ci_high": counts.ci_high,
        "halo.finding.waste.tokens": finding.waste.tokens,
        "halo.finding.waste.seconds": finding.waste.seconds,
        "halo.finding.explanation": finding.explanation,
        "halo.finding.fix": finding.fix,
        "halo.finding.acceptance_query": finding.acceptance_query,
    }
    span = _span(report, FINDING_SPAN, span_id(report.run_id, finding.id), said)
    span.parent_span_id = span_id(report.run_id)
    span.links.extend(_links(finding))
    return span


def _span(report: Report, name: str, own_id: bytes, said: dict[str, PlainValue]) -> Span:
    end = _nanoseconds(report.generated_at)
    return Span(
        trace_id=trace_id(report.run_id),
        span_id=own_id,
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=max(0, end - round(report.spend.seconds * 1e9)),
        end_time_unix_nano=end,
        attributes=_attributes(said),
        status=Status(code=Status.STATUS_CODE_UNSET),
    )


def _links(finding: Finding) -> list[Span.Link]:
    """One link for each cited span; ids that are no OTLP ids cannot be linked to and are left out."""
    cited: dict[tuple[bytes, bytes], str] = {}
    for item in finding.evidence:
        try:
            target = bytes.fromhex(item.trace_id), bytes.fromhex(item.span_id)
        except ValueError:
            continue
        if (len(target[0]), len(target[1])) == (TRACE_ID_BYTES, SPAN_ID_BYTES):
            cited.setdefault(target, item.field)
    return [
        Span.Link(trace_id=of_trace, span_id=of_span, attributes=_attributes({"halo.evidence.field": field}))
        for (of_trace, of_span), field in cited.items()
    ]


def _attributes(said: dict[str, PlainValue]) -> list[KeyValue]:
    """Surrogates, which protobuf text cannot carry, become question marks."""
    return [KeyValue(key=key, value=any_value(_sendable(value))) for key, value in said.items()]


def _sendable(value: PlainValue) -> PlainValue:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _nanoseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000) * 1_000
