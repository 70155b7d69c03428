"""Parts of files put into a window: lines of a text file by batches, everything else as requests.

Both ways come to the same rows. The second copies the bytes and settles which of several spans with one id counts; so
lines with a span that is there already go that way too.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from domain.signals import SIGNALS
from store.chunks import BYTE_ORDER_MARK, READ_BYTES, is_compressed, is_encoded
from store.filing.batches import Batch
from store.filing.reading import batches, tasks
from store.loading import FilePart, Loaded, LoadReport, read_parts
from store.window.loading import Filling

_SIGNALS = {signal.name: signal for signal in SIGNALS}


def fill(filling: Filling, parts: Sequence[FilePart], report: LoadReport) -> None:
    """Put parts of files into a window, in the caller's transaction; the parts move on to where they were read to."""
    with _no_collection():
        for part in parts:
            if part.path.is_file() and part.end is not None:
                _fill_lines(filling, part, part.end, report)
            _copy(filling, part, report)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Batches have no cycles, and looking for some takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _fill_lines(filling: Filling, part: FilePart, end: int, report: LoadReport) -> None:
    """The whole lines of a part, when it is of a text file."""
    start = part.start
    if not start:
        with part.path.open("rb") as file:
            head = file.read(READ_BYTES)
        if is_compressed(head) or is_encoded(head):
            return
        start = len(BYTE_ORDER_MARK) if head.startswith(BYTE_ORDER_MARK) else 0
    full = str(part.path.resolve())
    for task, batch in batches(part.path, tasks(part.path, start, end), end - start):
        lines = FilePart(part.path, task.start, part.lines, task.end)
        if batch is None:
            _copy(filling, lines, report)
        else:
            _add(filling, full, lines, batch, report)
        part.start, part.lines = lines.start, lines.lines
        filling.committed()


def _add(filling: Filling, full: str, lines: FilePart, batch: Batch, report: LoadReport) -> None:
    if not filling.add_lines(full, batch):
        _copy(filling, lines, report)
        return
    for signal, request in batch.others:
        filling.add(Loaded(_SIGNALS[signal], request))
    report.lines += batch.used_lines
    report.spans += batch.spans
    report.log_records += batch.log_records
    report.read_bytes += batch.end - batch.start
    for line, reason in batch.bad:
        report.add_bad(str(lines.path), lines.lines + line, reason)
    report.bad_lines += batch.bad_lines - len(batch.bad)
    lines.start, lines.lines = batch.end, lines.lines + batch.lines


def _copy(filling: Filling, part: FilePart, report: LoadReport) -> None:
    if part.end is not None and part.start >= part.end:
        return
    for request in read_parts([part], report):
        filling.add(request)
        filling.committed()
