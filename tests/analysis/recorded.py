"""Recorded traces for tests of whole reports, and reports of them with their evidence read back."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from analysis.fact_rows import facts_from_rows
from analysis.facts import FactWindow
from analysis.reporting import Built, build_report
from analysis.verifying import verify
from domain.otlp import Span
from domain.report import AgentRef, Report, TimeWindow
from domain.spans import StoredSpan, StoredTrace
from tests.analysis.stored import one_trace, stored_spans
from tests.spans import make_span

NOBODY = AgentRef(uuid="", name="", service="")
NOW = datetime(2023, 11, 20, tzinfo=UTC)
WINDOW = TimeWindow(start=datetime(2023, 11, 1, tzinfo=UTC), end=NOW)
SCHEMA = {
    "type": "function",
    "function": {
        "name": "next_page",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    },
}


@dataclass(frozen=True)
class Evidence:
    """A report as a reader has it: JSON, frozen rows, cited spans."""

    built: Built
    json: dict[str, Any]
    facts: FactWindow
    cited: Mapping[tuple[str, str], StoredSpan]

    def verify(self, report: Any = None, meta: Mapping[str, str] | None = None) -> list[str]:
        """What verification says of the report, or of a changed one."""
        changed = self.json if report is None else report
        return verify(changed, self.facts, self.read_span, self.built.meta if meta is None else meta)

    def read_span(self, trace_id: str, span_id: str) -> StoredSpan | None:
        """A cited span."""
        return self.cited.get((trace_id, span_id))


def evidence(traces: Iterable[StoredTrace], **said: Any) -> Evidence:
    """The report of some traces, through everything that a bundle does to it."""
    kept = list(traces)
    spans = {(stored.trace_id, stored.span_id): stored for trace in kept for stored in trace.spans}
    options: dict[str, Any] = {
        "agent": NOBODY,
        "run_id": "run",
        "report_id": "report",
        "window": WINDOW,
        "generated_at": NOW,
        "read_span": lambda trace_id, span_id: spans.get((trace_id, span_id)),
        "clock": ticking(),
    }
    built = build_report(iter(kept), **(options | said))
    rows = [tuple(row) for row in built.rows]
    cited = {(stored.trace_id, stored.span_id): stored for stored in stored_spans(built.cited)}
    return Evidence(built, json.loads(built.report.model_dump_json()), facts_from_rows(built.columns, rows), cited)


def report_of(traces: Iterable[StoredTrace], **said: Any) -> Report:
    """The report alone."""
    return evidence(traces, **said).built.report


def ticking() -> Callable[[], float]:
    """A clock that moves a quarter of a second with every look."""
    ticks = count()
    return lambda: next(ticks) / 4


def paging(
    number: int, failures: int, successes: int = 0, *, service: str = "shop", agent: str = "clerk"
) -> StoredTrace:
    """A run whose model turns pages with an argument that the tool does not take."""
    trace_id = number.to_bytes(16, "big")
    root = {"openinference.span.kind": "AGENT", "agent.name": agent, "output.value": "done"}
    turns = failures + successes
    error = "gave up" if failures else None
    spans = [make_span(1, root, name=agent, end_s=turns + 1, error=error, trace_id=trace_id)]
    for at in range(turns):
        spans += [_asking(trace_id, at, at < failures), _calling(trace_id, at, at < failures)]
    return one_trace(*spans, service=service)


def _asking(trace_id: bytes, at: int, fails: bool) -> Span:
    call = "llm.output_messages.0.message.tool_calls.0.tool_call."
    asked = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m1",
        "llm.token_count.prompt": 100 + at,
        "llm.token_count.completion": 7,
        "llm.tools.0.tool.json_schema": json.dumps(SCHEMA),
        "llm.output_messages.0.message.role": "assistant",
        f"{call}id": f"c{at}",
        f"{call}function.name": "next_page",
        f"{call}function.arguments": '{"": ""}' if fails else "{}",
        "llm.finish_reason": "tool_calls",
    }
    return make_span(2 + 2 * at, asked, parent=1, name="chat", start_s=at, end_s=at + 0.5, trace_id=trace_id)


def _calling(trace_id: bytes, at: int, fails: bool) -> Span:
    called = {
        "openinference.span.kind": "TOOL",
        "tool.name": "next_page",
        "tool.id": f"c{at}",
        "input.value": '{"": ""}' if fails else "{}",
        "input.mime_type": "application/json",
    }
    if not fails:
        called["output.value"] = f"page {at} of run {trace_id.hex()}"
    error = "TypeError: next_page() got an unexpected keyword argument ''" if fails else None
    times = {"start_s": at + 0.5, "end_s": at + 0.75}
    return make_span(3 + 2 * at, called, parent=1, name="next_page", error=error, trace_id=trace_id, **times)


def troubled() -> Sequence[StoredTrace]:
    """Twelve runs of two agents, of which six fail."""
    runs = [paging(number, 3, 1 if number == 1 else 0) for number in range(1, 7)]
    runs += [paging(number, 0, 2) for number in range(7, 11)]
    return [*runs, *(paging(number, 0, 1, service="desk", agent="porter") for number in range(11, 13))]
