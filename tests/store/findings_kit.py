"""Findings by hand, and reports that tell them, for tests of whatever stands on the register."""

from datetime import datetime, timedelta
from typing import Any

from domain.report import Counts, Evidence, Finding, Query, Report, TimeWindow, Waste
from domain.runs import Run
from store.control import SqliteControl
from tests.store.control_kit import EVIDENCE, START, claimed, report_of


def counts(affected: int = 8, of: int = 10, low: float = 0.49, high: float = 0.94) -> Counts:
    return Counts(
        affected_spans=affected,
        opportunities=of,
        affected_traces=affected,
        traces=of,
        rate=affected / of if of else 0.0,
        ci_low=low,
        ci_high=high,
    )


def a_finding(fingerprint: str = "f1", at: datetime = START, **said: Any) -> Finding:
    known: dict[str, Any] = {
        "id": f"{fingerprint}-in-{at:%d%H%M}",
        "fingerprint": fingerprint,
        "detector": "unusable_tool",
        "category": "unusable_tool",
        "title": f"{fingerprint} fails",
        "owner": "tool",
        "severity": "high",
        "confidence": "high",
        "status": "new",
        "first_seen": at - timedelta(hours=2),
        "last_seen": at - timedelta(hours=1),
        "counts": counts(),
        "splits": (),
        "waste": Waste(tokens=0, seconds=0),
        "evidence": (Evidence(trace_id="aa", span_id="bb", field="status.message", quote="boom", sha256="cc"),),
        "queries": (Query(name="unusable_tool", args={}, expect={}),),
        "explanation": "It fails.",
        "fix": "Mend it.",
        "acceptance_query": "",
    }
    return Finding(**(known | said))


def gone(at: datetime, **said: Any) -> Finding:
    """The finding of a report that does not see it any more."""
    seen = START - timedelta(hours=1)
    none = {"status": "resolved", "counts": counts(0, 40, 0.0, 0.08), "evidence": (), "bound": 0.075}
    return a_finding(at=at, **({"last_seen": seen, "first_seen": START - timedelta(hours=2)} | none | said))


def told(control: SqliteControl, *findings: Finding, at: datetime = START, agent: str = "agent-1") -> Report:
    """Save a report with these findings, made at a time over the day before it."""
    run: Run = claimed(control, agent)
    window = TimeWindow(start=at - timedelta(days=1), end=at)
    report = report_of(run).model_copy(update={"findings": findings, "generated_at": at, "window": window})
    assert control.save_report(run.id, run.attempt, report, "# x", EVIDENCE, ())
    return report
