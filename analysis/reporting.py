"""From traces to a report and everything that is needed to recompute it.

Traces are read one at a time and kept as facts only; spans are read again one by one where they are quoted.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from analysis.changes import known_as_text
from analysis.charting import charts_of
from analysis.claims import Checker, claims_of, ledger_of
from analysis.coverage import agent_seen, breakdown, coverage_of
from analysis.detecting import Detector
from analysis.evidence import ReadSpan
from analysis.extraction import trace_facts
from analysis.fact_rows import fact_columns, fact_rows
from analysis.facts import FactWindow, TraceFacts
from analysis.headline import headline, narrative
from analysis.looking import Settings, load_detectors, look
from analysis.notes import notes_of
from analysis.observability import missing
from analysis.outcomes import outcomes
from analysis.packing import kept
from analysis.telling import Occasion, Told, findings_of
from domain.findings import KnownFinding
from domain.otlp import ResourceSpans, ScopeSpans
from domain.report import AgentRef, Coverage, Report, Spend, TimeWindow
from domain.spans import StoredSpan, StoredTrace
from domain.version import VERSION
from domain.wire import Piece, join

Row = Sequence[Any]


@dataclass(frozen=True)
class Built:
    """A report and its evidence: fact rows with their columns, the cited spans as encoded TracesData, and `meta`.

    `meta` holds whose report it bears out, and what no span tells: traces excluded, spans dropped, and the
    detectors' settings as JSON. `facts` and `detectors` are what it was made with, and what checks further claims.
    """

    report: Report
    columns: tuple[str, ...]
    rows: Iterable[Row]
    cited: bytes
    meta: Mapping[str, str]
    facts: FactWindow
    detectors: Mapping[str, Detector]


@dataclass
class _Spans:
    """Reads spans and remembers them: what is quoted is cited."""

    read: ReadSpan
    known: dict[tuple[str, str], StoredSpan] = field(default_factory=dict)

    def __call__(self, trace_id: str, span_id: str) -> StoredSpan | None:
        ref = (trace_id, span_id)
        if ref not in self.known:
            stored = self.read(trace_id, span_id)
            if stored is None:
                return None
            self.known[ref] = stored
        return self.known[ref]


def build_report(
    traces: Iterable[StoredTrace],
    *,
    agent: AgentRef,
    run_id: str,
    report_id: str,
    window: TimeWindow,
    generated_at: datetime,
    previous: Report | None = None,
    register: Sequence[KnownFinding] = (),
    excluded_traces: int = 0,
    dropped_spans: int = 0,
    read_span: ReadSpan,
    detectors: Settings | None = None,
    clock: Callable[[], float],
) -> Built:
    """The deterministic report of some traces.

    `read_span` reads one span again by its ids; `clock` gives seconds of any monotonic clock. `previous` is the
    agent's last report, `register` what is known of its findings over all reports. `detectors` are the user's
    settings. An `agent` without uuid stands for whatever agents the traces belong to.
    ConfigError: a detector's settings are wrong.
    """
    started = clock()
    loaded = load_detectors(detectors)
    facts, unreadable = _facts(traces)
    looked = look(facts, loaded, missing)
    spans = _Spans(read_span)
    occasion = Occasion(report_id, generated_at, window.end, previous, tuple(register))
    told = findings_of(facts, loaded, looked, occasion, spans)
    excluded = excluded_traces + unreadable
    coverage = coverage_of(
        facts, looked, outcomes(facts), told.explaining, excluded_traces=excluded, dropped_spans=dropped_spans
    )
    facts.let_go()
    report = Report(
        report_id=report_id,
        run_id=run_id,
        agent=agent_seen(facts, agent),
        window=window,
        generated_at=generated_at,
        mode="analysis",
        spend=Spend(seconds=round(max(clock() - started, 0.0), 3)),
        notes=notes_of(looked.notes, told.left_out, excluded=excluded, unreadable=unreadable, dropped=dropped_spans),
        previous_report_id=previous.report_id if previous is not None else "",
        **_contents(facts, loaded, spans, told, coverage),
    )
    meta = {**meta_of(report, unreadable, detectors), "known_findings": known_as_text(told.known)}
    return Built(report, fact_columns(), fact_rows(facts), _cited(report, spans), meta, facts, loaded)


def _contents(
    facts: FactWindow, loaded: Mapping[str, Detector], spans: _Spans, told: Told, coverage: Coverage
) -> dict[str, Any]:
    """What a report says of its window."""
    charts = charts_of(facts, loaded, told.findings)
    return {
        "headline": headline(coverage, told.findings),
        "coverage": coverage,
        "agents": breakdown(facts, told.measures),
        "findings": charts.on(told.findings),
        "claims": ledger_of(claims_of(told.findings), Checker(facts, loaded, spans).check),
        "narrative_md": narrative(coverage, told.findings),
        "timeline": charts.timeline,
        "waterfalls": charts.waterfalls,
    }


def meta_of(report: Report, unreadable_traces: int, detectors: Settings | None) -> Mapping[str, str]:
    """What an evidence bundle says beside facts and spans: whose report it bears out, and what no span tells."""
    settings = {name: dict(values) for name, values in (detectors or {}).items()}
    return {
        "halo_version": VERSION,
        "run_id": report.run_id,
        "report_id": report.report_id,
        "mode": report.mode,
        "agent_uuid": report.agent.uuid,
        "agent_name": report.agent.name,
        "agent_service": report.agent.service,
        "window_start": report.window.start.astimezone(UTC).isoformat(),
        "window_end": report.window.end.astimezone(UTC).isoformat(),
        "generated_at": report.generated_at.astimezone(UTC).isoformat(),
        "previous_report_id": report.previous_report_id,
        "excluded_traces": str(report.coverage.excluded_traces),
        "unreadable_traces": str(unreadable_traces),
        "dropped_spans": str(report.coverage.dropped_spans),
        "detectors": json.dumps(settings, sort_keys=True, default=str),
    }


def _facts(traces: Iterable[StoredTrace]) -> tuple[FactWindow, int]:
    """The facts of all traces, and how many could not be read: one odd trace must not cost the report."""
    unreadable = 0

    def readable() -> Iterator[TraceFacts]:
        nonlocal unreadable
        for trace in traces:
            try:
                yield trace_facts(trace)
            except Exception:
                unreadable += 1

    return FactWindow.of(kept(readable())), unreadable


def _cited(report: Report, spans: _Spans) -> bytes:
    """The spans that the report quotes from."""
    refs = {(item.trace_id, item.span_id) for finding in report.findings for item in finding.evidence}
    return encode_cited(spans.known[ref] for ref in sorted(refs))


def encode_cited(spans: Iterable[StoredSpan]) -> bytes:
    """Encoded TracesData with these spans as they came in, each under its resource and scope.

    Envelopes are the bytes that arrived; where those are not known, they are made from what was parsed.
    """
    return join(
        Piece(
            stored.resource_raw or ResourceSpans(resource=stored.resource).SerializeToString(),
            stored.scope_raw or ScopeSpans(scope=stored.scope).SerializeToString(),
            stored.raw,
        )
        for stored in spans
    )
