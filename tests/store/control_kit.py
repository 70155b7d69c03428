"""Runs, reports and a clock by hand, for tests of whatever stands on the control store."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.report import AgentRef, Claims, Coverage, Report, Spend, TimeWindow
from domain.runs import Cadence, Run, RunOptions, RunWindow, Schedule
from store.base import EvidenceBundle
from store.control import SqliteControl, open_control

REPOSITORY = Path(__file__).resolve().parents[2]
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WINDOW = RunWindow(start=START - timedelta(days=1), end=START)
HOURLY = Cadence(frequency="hourly", minutes=(0,))
EVIDENCE = EvidenceBundle(
    columns=("trace_id", "tool"), rows=[("aa", "page_down"), ("bb", None)], cited=b"spans", meta={"run_id": "r"}
)


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


def opened(directory: Path, clock: Clock | None = None) -> SqliteControl:
    return open_control(directory, now=clock or Clock())


def queued(control: SqliteControl, agent: str = "agent-1", **options: Any) -> Run:
    run = control.create_run(agent, WINDOW, RunOptions(), title="a run", **options)
    assert run is not None
    return run


def claimed(control: SqliteControl, agent: str = "agent-1") -> Run:
    queued(control, agent)
    run = control.claim_run()
    assert run is not None
    return run


def scheduled(control: SqliteControl, cadence: Cadence = HOURLY, **changes: Any) -> Schedule:
    settings = {"lookback_hours": 24, "options": RunOptions(), "enabled": True, **changes}
    return control.create_schedule("nightly", "agent-1", cadence, **settings)


def report_of(run: Run, report_id: str | None = None) -> Report:
    return Report(
        report_id=report_id or f"report-of-{run.id}",
        run_id=run.id,
        agent=AgentRef(uuid=run.agent_uuid, name="clerk", service="shop"),
        window=TimeWindow(start=run.window.start, end=run.window.end),
        generated_at=START,
        mode="analysis",
        headline="All is well.",
        coverage=Coverage(
            traces=2,
            spans=7,
            excluded_traces=0,
            failing_traces=0,
            outcome_source="structural",
            explained_failing_traces=0,
            dropped_spans=0,
            error_spans=0,
            leaf_errors=0,
            input_tokens=0,
            output_tokens=0,
            not_observable=(),
            tests_run=0,
        ),
        findings=(),
        claims=Claims(),
        narrative_md="",
        spend=Spend(seconds=0.1),
    )


def saved(control: SqliteControl, run: Run, exporters: tuple[str, ...] = ("file", "webhook/slack")) -> bool:
    return control.save_report(run.id, run.attempt, report_of(run), "# All is well.", EVIDENCE, exporters)


def started(program: str, *words: str) -> subprocess.Popen[str]:
    """Another Python process that runs a program from the repository; its output is text."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
