"""How fast the deterministic analysis reads: from JSONL in a temporary window to a report, per core."""

import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from bench.corpus import Corpus, encoded
from bench.processes import Row
from domain.report import AgentRef, TimeWindow
from scheduler.analysing import produce_report
from store.backends.sqlite import load_window
from store.base import Selection
from store.loading import LoadReport, read_trace_files


def measure(requests: Iterable[bytes], label: str, bar_spans: float | None, bar_mb: float | None) -> Row:
    """Seconds of the analysis alone, over a window that is already there."""
    bodies = list(requests)
    with tempfile.TemporaryDirectory() as directory, load_window(bodies, Path(directory)) as reader:
        start = time.process_time()
        produced = produce_report(
            reader,
            Selection(0, 2**62),
            agent=AgentRef(uuid="", name="bench", service=""),
            run_id="bench",
            window=TimeWindow(start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2030, 1, 1, tzinfo=UTC)),
            now=datetime.now(UTC),
            previous=None,
            detector_settings={},
        )
        seconds = time.process_time() - start
    spans = produced.report.coverage.spans
    rate, mb = spans / seconds, sum(map(len, bodies)) / 1e6 / seconds
    bar = f"≥ {bar_spans:,.0f} spans/s" if bar_spans else f"≥ {bar_mb:.0f} MB/s"
    met = rate >= bar_spans if bar_spans else mb >= (bar_mb or 0)
    return Row(f"analysis, {label}", f"{rate:,.0f} spans/s, {mb:.0f} MB/s", bar, met)


def rows(trail: Path | None) -> list[Row]:
    """2 KB spans, and real traces with full message histories where they are at hand."""
    bodies = [body for body, _ in encoded(Corpus(3, 2_000, 512), 50_000)]
    out = [measure(bodies, "2 KB spans", 10_000, None)]
    if trail is not None:
        out.append(measure(read_trace_files([trail], LoadReport()), "real research-agent traces", None, 60))
    return out
