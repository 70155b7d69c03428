"""From stories to what the detectors say of them, through the store and the report as users get it."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.planting.recording import Dialect, recorded
from bench.planting.story import Story
from domain.report import AgentRef, Report, TimeWindow
from scheduler.analysing import produce_report
from store.backends.sqlite import load_window
from store.base import Selection

_WINDOW = TimeWindow(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))


def report_on(stories: Sequence[Story], dialect: Dialect) -> Report:
    """The deterministic report of these stories recorded in a dialect."""
    bodies = [request.SerializeToString() for request in recorded(stories, dialect)]
    with tempfile.TemporaryDirectory() as directory, load_window(bodies, Path(directory)) as reader:
        return produce_report(
            reader,
            Selection(0, 2**62),
            agent=AgentRef(uuid="", name="planted", service=""),
            run_id="planted",
            window=_WINDOW,
            now=datetime(2026, 12, 1, tzinfo=UTC),
            previous=None,
            detector_settings={},
        ).report


def fired(report: Report, detector: str) -> bool:
    """Whether a detector's query is among those of the report's findings, telling a story or told with another."""
    return any(query.name == detector for finding in report.findings for query in finding.queries)
