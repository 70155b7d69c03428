"""From a selection of the window to a report, its Markdown and its evidence: one path for runs and for files.

The child process and the offline command line call the same function, so both make the same report. Nothing
that serves imports this module: it brings the analysis with it.
"""

import gc
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analysis.reporting import Built, build_report
from domain.findings import KnownFinding
from domain.report import AgentRef, Report, TimeWindow
from domain.spans import StoredTrace
from rendering.markdown import render
from store.base import EvidenceBundle, Selection, WindowReader

Progress = Callable[[int, int], None]
"""Told after each trace: how many have been read, and of how many."""


@dataclass(frozen=True)
class Produced:
    """What a run leaves: the report, also as Markdown, what it rests on, and what further claims are checked with."""

    report: Report
    markdown: str
    evidence: EvidenceBundle
    built: Built


def produce_report(
    reader: WindowReader,
    selection: Selection,
    *,
    agent: AgentRef,
    run_id: str,
    window: TimeWindow,
    now: datetime,
    previous: Report | None,
    register: Sequence[KnownFinding] = (),
    detector_settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Produced:
    """Analyse the complete traces of a selection; ConfigError when a detector's settings are wrong.

    `agent` without uuid stands for several agents; `register` is what is known of its findings. The report's id
    follows from the run's, so that a run that is taken again makes the same report.
    """
    selected = reader.select(selection)
    with _without_collections():
        built = build_report(
            _counted(reader.read(selected.keys), len(selected.keys), progress),
            agent=agent,
            run_id=run_id,
            report_id=report_id_of(run_id),
            window=window,
            generated_at=now,
            previous=previous,
            register=register,
            excluded_traces=selected.settling + selected.open,
            dropped_spans=selected.dropped_spans,
            read_span=reader.span,
            detectors=detector_settings,
            clock=clock,
        )
    return produced_of(built)


def produced_of(built: Built) -> Produced:
    """What a run leaves of a report as it was built, by the analysis alone or with what a model added."""
    evidence = EvidenceBundle(columns=built.columns, rows=built.rows, cited=built.cited, meta=built.meta)
    return Produced(built.report, render(built.report), evidence, built)


@contextmanager
def _without_collections() -> Iterator[None]:
    """No search for circular garbage meanwhile: facts are kept by the million, and each search would walk them all."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def report_id_of(run_id: str) -> str:
    """The id of the one report of a run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"halo:report:{run_id}"))


def _counted(traces: Iterable[StoredTrace], total: int, progress: Progress | None) -> Iterator[StoredTrace]:
    for read, trace in enumerate(traces, 1):
        yield trace
        if progress is not None:
            progress(read, total)
