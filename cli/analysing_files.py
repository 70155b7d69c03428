"""Trace files into a window, and the window into a report: the path of a run, without a server."""

import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.engine_flags import ModelQuestion
from domain.component import load_component
from domain.errors import PermanentError
from domain.report import AgentRef, Report, TimeWindow
from domain.spans import TraceSummary
from rendering.escaping import one_line
from rendering.html import page
from scheduler.analysing import Produced, produce_report
from store.base import EvidenceBundle, Selection, TraceFilter, WindowReader
from store.evidence import write_evidence
from store.loading import LoadReport

BAD_LINES_SHOWN = 5
TELL_EVERY_S = 2.0
PAGE_TRACES = 1_000
WHOEVER = AgentRef(uuid="", name="trace files", service="")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME_NS = 2**63 - 1
EVERYTHING = Selection(0, _END_OF_TIME_NS)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class AnalysedFiles:
    """A report on files, as Markdown too, what it rests on, and why it is incomplete if it is."""

    report: Report
    markdown: str
    evidence: EvidenceBundle
    incomplete: str = ""

    def write(self, path: Path) -> None:
        """Write Markdown, HTML or JSON by suffix, JSON with its evidence database; PermanentError when that fails."""
        try:
            if path.suffix == ".html":
                path.write_text(page(self.report), encoding="utf-8", errors="replace")
                return
            if path.suffix == ".md":
                path.write_text(self.markdown, encoding="utf-8", errors="replace")
                return
            evidence = path.with_name(f"{path.stem}.evidence.db")
            evidence.write_bytes(write_evidence(self.evidence))
            path.write_text(self.report.model_dump_json(indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise PermanentError(f"{path}: cannot be written: {error.strerror or error}") from error


def analyse_files(
    paths: Sequence[Path],
    *,
    tell: Tell,
    quiet: bool = False,
    question: ModelQuestion | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AnalysedFiles:
    """The report on some files; progress, unless quiet, and unusable lines are told.

    With a question a model looks too, and the window is kept for the next one; without, it goes at the end.
    PermanentError when nothing is left of the files or the model cannot be asked.
    """
    loaded = LoadReport()
    backend = load_component("store.backends", "sqlite")
    told = (lambda line: None) if quiet else tell
    with ExitStack() as opened:
        directory = opened.enter_context(tempfile.TemporaryDirectory(prefix="halo-"))
        index_dir = Path(directory) if question is None else question.config.trace_index.index_dir
        with _counted(loaded, told):
            reader = opened.enter_context(backend.load_files(paths, index_dir=index_dir, report=loaded))
        _tell_bad_lines(loaded, tell)
        produced = _analysed(reader, loaded, told, clock)
        incomplete = ""
        if question is not None:
            from cli.asking_files import ask_model

            produced, incomplete = ask_model(
                reader, EVERYTHING, WHOEVER, produced, question, quiet=quiet, tell=tell, clock=clock
            )
        return AnalysedFiles(produced.report, produced.markdown, produced.evidence, incomplete)


def _analysed(reader: WindowReader, loaded: LoadReport, tell: Tell, clock: Callable[[], float]) -> Produced:
    told_at = clock()

    def progress(read: int, total: int) -> None:
        nonlocal told_at
        if clock() - told_at >= TELL_EVERY_S:
            told_at = clock()
            tell(f"{read:,} of {total:,} traces analysed")

    tell(f"{loaded.spans:,} spans loaded; analysing")
    return produce_report(
        reader,
        EVERYTHING,
        agent=WHOEVER,
        run_id=str(uuid.uuid4()),
        window=_window(reader),
        now=datetime.now(UTC),
        previous=None,
        progress=progress,
    )


def _window(reader: WindowReader) -> TimeWindow:
    """From the first start to just after the last end; half-open, so that it holds every trace."""
    spans_of_time = [(trace.start_ns, max(trace.end_ns, trace.start_ns)) for trace in _summaries(reader)]
    if not spans_of_time:
        raise PermanentError("no complete trace in these files")
    start, end = min(first for first, _ in spans_of_time), max(last for _, last in spans_of_time)
    return TimeWindow(start=_time(start), end=_time(end) + timedelta(microseconds=1))


def _summaries(reader: WindowReader) -> Iterator[TraceSummary]:
    offset = 0
    while page := reader.list_traces(TraceFilter(limit=PAGE_TRACES, offset=offset, sort="start")):
        yield from page
        offset += len(page)


def _time(nanoseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


@contextmanager
def _counted(loaded: LoadReport, tell: Tell) -> Iterator[None]:
    """Tell now and then how much has been read meanwhile."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(TELL_EVERY_S):
            tell(f"{loaded.spans:,} spans read")

    watching = threading.Thread(target=watch, name="tell of loading", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _tell_bad_lines(loaded: LoadReport, tell: Tell) -> None:
    if not loaded.bad_lines:
        return
    tell(f"{loaded.bad_lines:,} of {loaded.lines:,} lines cannot be used and were left out:")
    for bad in loaded.bad[:BAD_LINES_SHOWN]:
        tell(f"  {one_line(str(bad))}")
    if loaded.bad_lines > BAD_LINES_SHOWN:
        tell(f"  … and {loaded.bad_lines - BAD_LINES_SHOWN:,} more")
