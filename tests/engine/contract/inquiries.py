"""An analysed window of a few runs, and what a model may say of it, true and made up."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from analysis.reporting import Built
from analysis.verifying import verify
from domain.report import Report
from domain.spans import StoredSpan
from engine.budgets import Budget, BudgetLimits
from engine.contract.answer import read_answer
from engine.contract.checking import Judged, judge
from engine.contract.ids import KnownIds
from engine.contract.merging import Told, merge
from engine.tooling import ShownIds
from engine.window import Analysed
from tests.analysis.recorded import Evidence, evidence, troubled
from tests.analysis.stored import stored_spans

TRACE = f"{1:032x}"
CALL = f"{3:016x}"
"""A failing call of next_page in that trace; `ASKED` is the model call before it."""
ASKED = f"{2:016x}"
QUOTE = "unexpected keyword argument"
FAILING = {"query": "spans", "args": {"tool": "next_page", "status": "ERROR"}}
ALL = {"query": "spans", "args": {"tool": "next_page"}}
RATE: dict[str, Any] = {"type": "rate", "numerator": FAILING, "denominator": ALL, "value": 0.62}
SPAN = {"trace_id": TRACE, "span_id": CALL}


@dataclass(frozen=True)
class Window:
    """An analysed window with all of its spans, all of them shown."""

    evidence: Evidence
    analysed: Analysed
    shown: ShownIds


@cache
def window() -> Window:
    """Twelve runs, in six of which all calls of next_page with an argument fail: 18 of 29."""
    traces = list(troubled())
    found = evidence(traces)
    spans: dict[tuple[str, str], StoredSpan] = {
        (stored.trace_id, stored.span_id): stored for trace in traces for stored in trace.spans
    }
    analysed = Analysed(found.built, lambda trace_id, span_id: spans.get((trace_id, span_id)))
    return Window(found, analysed, ShownIds({trace_id for trace_id, _ in spans}, set(spans)))


def judged(
    answer: str,
    findings: Any = None,
    claims: Any = None,
    *,
    shown: Collection[tuple[str, str]] | None = None,
) -> Judged:
    """What stands of an answer; `shown` are the spans that tools have shown, all of them if it is left out."""
    ids = window().shown if shown is None else ShownIds({trace_id for trace_id, _ in shown}, set(shown))
    return judge(read_answer(answer, findings, claims), window().analysed, KnownIds(ids))


def finding(**said: Any) -> dict[str, Any]:
    """A finding that stands: a measure, a quote and a claim."""
    return {
        "title": "next_page is called with an argument ({measure.rate})",
        "category": "tool use",
        "owner": "prompt",
        "severity": "high",
        "confidence": "high",
        "explanation": "The schema has no parameters, yet {measure} calls carry one.",
        "fix": "Say in the description that it takes none.",
        "measure": {"affected": FAILING, "of": ALL},
        "quotes": [{**SPAN, "field": "status.message", "quote": QUOTE}],
        "claims": ["c1"],
    } | said


def merged(found: Judged | None) -> Built:
    """The report with what stands."""
    told = Told("what fails?", ("fake-1",), 2, 7, "")
    return merge(window().analysed, found, told, Budget(BudgetLimits(), lambda: 0.0))


def as_json(built: Built) -> dict[str, Any]:
    """The report as it is saved."""
    saved: dict[str, Any] = json.loads(built.report.model_dump_json())
    return saved


def verified(built: Built, report: dict[str, Any] | Report | None = None) -> list[str]:
    """What verification says of the report, or of a changed one, with nothing but the bundle at hand."""
    cited = {(stored.trace_id, stored.span_id): stored for stored in stored_spans(built.cited)}
    said = as_json(built) if report is None else report
    return verify(said, window().evidence.facts, lambda *ref: cited.get(ref), built.meta)
