"""Trace files as requests: any mix of span lines and OTLP documents, or one encoded request, plain or compressed.

A file is read as a stream (`store.chunks`) and handed on in bounded requests, so that its size does not matter. A bad
line costs that line: it is counted and named, and the rest is kept.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from google.protobuf.message import DecodeError, Message

from domain.errors import PermanentError
from domain.halo_jsonl import decode_line
from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest
from domain.otlp_json import message_from_json
from domain.signals import LOGS, TRACES, Signal
from domain.wire import Piece, join, split
from store.chunks import READ_BYTES, Line, chunks, is_compressed, is_encoded, lines, whole

MAX_REQUEST_SPANS = 512
MAX_REQUEST_BYTES = 4 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024 * 1024
MAX_BAD_LINES_KEPT = 100
_LOGS = re.compile(rb'\s*\{\s*"resource_?[lL]ogs"')
_Item = tuple[Signal, Piece]


class Loaded(NamedTuple):
    """An encoded export request of a signal, made of what files hold."""

    signal: Signal
    request: bytes


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be used, and why; `line` counts from 1."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(slots=True)
class LoadReport:
    """What was read: `bad_lines` counts all bad lines, `bad` names the first `MAX_BAD_LINES_KEPT` of them.

    Where a file breaks off is named always: everything behind that place is missing. `read_bytes` are those of the
    files, as they are on disk.
    """

    lines: int = 0
    spans: int = 0
    log_records: int = 0
    read_bytes: int = 0
    bad_lines: int = 0
    bad: list[BadLine] = field(default_factory=list)

    def add_bad(self, file: str, line: int, reason: str, *, is_end: bool = False) -> None:
        """Count a bad line, and name it while there is room, or when the file breaks off there."""
        self.bad_lines += 1
        if is_end or len(self.bad) < MAX_BAD_LINES_KEPT:
            self.bad.append(BadLine(file, line, reason))


@dataclass(slots=True)
class FilePart:
    """What is still to be read of a file: from the offset `start`, before which `lines` lines end, up to `end`.

    Reading moves it on, line by line. `is_text` turns false when the file is none that can be read on from an offset:
    compressed, or an encoded request. `cut` is the bad line at the end of a file that does not end with a line end:
    perhaps its other half is still to be written.
    """

    path: Path
    start: int = 0
    lines: int = 0
    end: int | None = None
    is_text: bool = True
    cut: BadLine | None = None

    def passed(self, line: Line) -> None:
        """A line has been read, and its items been handed on."""
        self.start, self.lines = line.end, line.number


def read_trace_files(paths: Sequence[Path], report: LoadReport) -> Iterator[bytes]:
    """The trace requests of `read_requests`."""
    return (loaded.request for loaded in read_requests(paths, report) if loaded.signal is TRACES)


def read_requests(paths: Sequence[Path], report: LoadReport) -> Iterator[Loaded]:
    """Encoded requests of at most `MAX_REQUEST_SPANS` items and `MAX_REQUEST_BYTES` (or one larger item).

    `report` grows while the requests are taken. PermanentError before anything is read when a file cannot be
    opened, and at the end when no span was found in all of them.
    """
    check_readable(paths)
    yield from read_parts([FilePart(path) for path in paths], report)
    check_found(paths, report)


def read_parts(parts: Sequence[FilePart], report: LoadReport) -> Iterator[Loaded]:
    """As `read_requests`, of parts of files, with nothing checked; the parts move on as they are read."""
    pieces: list[Piece] = []
    size, last = 0, TRACES
    for part in parts:
        for signal, piece in _pieces(part, report):
            length = len(piece.span) + len(piece.resource) + len(piece.scope)
            is_full = len(pieces) >= MAX_REQUEST_SPANS or size + length > MAX_REQUEST_BYTES
            if pieces and (is_full or signal is not last):
                yield Loaded(last, join(pieces))
                pieces, size = [], 0
            pieces.append(piece)
            size, last = size + length, signal
    if pieces:
        yield Loaded(last, join(pieces))


def check_readable(paths: Sequence[Path]) -> None:
    """PermanentError when a file is none that can be read; asked, not opened: a pipe can be opened only once."""
    for path in paths:
        if path.is_dir():
            raise PermanentError(f"{path}: is a directory; name trace files")
        if not path.exists():
            raise PermanentError(f"{path}: no such file")
        if not os.access(path, os.R_OK):
            raise PermanentError(f"{path}: permission denied")


def check_found(paths: Sequence[Path], report: LoadReport) -> None:
    """PermanentError when nothing was found in some files; it says what the first problem was."""
    if report.spans or report.log_records:
        return
    names = ", ".join(map(str, paths))
    if not report.bad_lines:
        raise PermanentError(f"{names}: no spans; expected one JSON span or OTLP/JSON document a line")
    raise PermanentError(f"{names}: no usable span in {report.lines} lines; first problem: {report.bad[0]}")


def _pieces(part: FilePart, report: LoadReport) -> Iterator[_Item]:
    """The items of one file; where it breaks off, what came before is kept."""
    name = str(part.path)
    try:
        with part.path.open("rb") as file:
            if part.start:
                file.seek(part.start)
            for line in _lines(_Counting(file, part.end, report), part):
                bad_before = report.bad_lines
                if line.text.strip():
                    report.lines += 1
                    yield from _pieces_of_line(line, name, report)
                if line.is_whole or report.bad_lines == bad_before:
                    part.passed(line)
                else:
                    part.cut = _last_bad(report, name, line.number)
    except OSError as error:
        report.add_bad(name, part.lines + 1, f"cannot be read on: {error.strerror}", is_end=True)
        part.is_text = False
    except PermanentError as error:
        report.add_bad(name, part.lines + 1, f"{error}; kept what came before", is_end=True)


def _last_bad(report: LoadReport, name: str, number: int) -> BadLine:
    last = report.bad[-1]
    return last if (last.file, last.line) == (name, number) else BadLine(name, number, "cannot be used")


def _lines(file: "_Counting", part: FilePart) -> Iterator[Line]:
    if part.start:
        return lines(iter(lambda: file.read(READ_BYTES), b""), MAX_LINE_BYTES, part.lines + 1, part.start)
    found = chunks(file)
    head = next(found, b"")
    part.is_text = not file.is_compressed and not is_encoded(head)
    rest = chain((head,), found)
    return whole(rest, MAX_LINE_BYTES) if is_encoded(head) else lines(rest, MAX_LINE_BYTES)


def _pieces_of_line(line: Line, file: str, report: LoadReport) -> Iterator[_Item]:
    try:
        if len(line.text) > MAX_LINE_BYTES:
            raise PermanentError(f"longer than {MAX_LINE_BYTES // 1024**2} MiB")
        signal, message = decode(line.text)
        pieces = list(split(message.SerializeToString()))
    except PermanentError as error:
        report.add_bad(file, line.number, str(error))
    else:
        if signal is TRACES:
            report.spans += len(pieces)
        else:
            report.log_records += len(pieces)
        yield from ((signal, piece) for piece in pieces)


def decode(line: bytes) -> tuple[Signal, Message]:
    """The message of a line and its signal; PermanentError, with a reason that fits a line, when it is none."""
    if is_encoded(line):
        try:
            return TRACES, ExportTraceServiceRequest.FromString(line)
        except DecodeError:
            raise PermanentError("neither text nor an encoded OTLP trace request") from None
    if _LOGS.match(line):
        return LOGS, _log_document(line)
    return TRACES, decode_line(line)


def _log_document(line: bytes) -> ExportLogsServiceRequest:
    try:
        return message_from_json(json.loads(line), ExportLogsServiceRequest)
    except (ValueError, RecursionError):
        raise PermanentError("a log document that is no JSON, or nests too deeply") from None


class _Counting:
    """A file up to an offset, whose bytes are counted as they are read."""

    def __init__(self, file: IO[bytes], end: int | None, report: LoadReport) -> None:
        self._file = file
        self._left = None if end is None else end - file.tell()
        self._report = report
        self.is_compressed: bool | None = None  # not known before the first bytes

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        data = self._file.read(size if self._left is None else min(size, self._left))
        if self._left is not None:
            self._left -= len(data)
        self._report.read_bytes += len(data)
        if self.is_compressed is None:
            self.is_compressed = is_compressed(data)
        return data
