"""Trace files as the window of one run: opened once, kept up to date beside the files, analysed when that is wanted."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from domain.component import load_component
from domain.errors import PermanentError
from domain.report import AgentRef, TimeWindow
from store.base import Selection, TraceFilter, WindowReader

if TYPE_CHECKING:
    from engine.window import Analysed, TraceWindow

_BACKEND = "sqlite"
_WHOEVER = AgentRef(uuid="", name="trace files", service="")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME_NS = 2**63 - 1
_PAGE = 1_000


@contextmanager
def window_of_files(paths: Sequence[Path], index_dir: Path | None) -> Iterator["TraceWindow"]:
    """All traces of some files. PermanentError: a file cannot be read, or no file holds a usable trace."""
    from engine.window import TraceWindow

    backend = load_component("store.backends", _BACKEND)
    with backend.load_files(paths, index_dir=index_dir) as reader:
        selection = Selection(0, _END_OF_TIME_NS)
        yield TraceWindow(reader, selection, _WHOEVER, lambda: analysis_of(reader, selection))


def analysis_of(reader: WindowReader, selection: Selection) -> "Analysed":
    """What is known without a model of a selection."""
    from analysis.reporting import build_report
    from engine.window import Analysed

    run_id = str(uuid.uuid4())
    selected = reader.select(selection)
    built = build_report(
        reader.read(selected.keys),
        agent=_WHOEVER,
        run_id=run_id,
        report_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"halo:report:{run_id}")),
        window=_extent(reader),
        generated_at=datetime.now(UTC),
        excluded_traces=selected.settling + selected.open,
        dropped_spans=selected.dropped_spans,
        read_span=reader.span,
        clock=time.perf_counter,
    )
    return Analysed(built, reader.span)


def _extent(reader: WindowReader) -> TimeWindow:
    """From the first start to just after the last end; half-open, so that it holds every trace."""
    first, last, offset = _END_OF_TIME_NS, 0, 0
    while page := reader.list_traces(TraceFilter(limit=_PAGE, offset=offset, sort="start")):
        first = min([first, *(trace.start_ns for trace in page)])
        last = max([last, *(max(trace.end_ns, trace.start_ns) for trace in page)])
        offset += len(page)
    if not offset:
        raise PermanentError("no complete trace in these files")
    return TimeWindow(start=_time(first), end=_time(last) + timedelta(microseconds=1))


def _time(nanoseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
