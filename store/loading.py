"""Trace files as requests: any mix of span lines and OTLP documents, or one encoded request, plain or compressed.

A file is known by its first bytes, not by its name. It is read as a stream and handed on in bounded requests,
so that its size does not matter. A bad line costs that line: it is counted and named, and the rest is kept.
"""

import bz2
import json
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

import zstandard
from google.protobuf.message import DecodeError, Message

from domain.errors import PermanentError
from domain.halo_jsonl import decode_line
from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest
from domain.otlp_json import message_from_json
from domain.signals import LOGS, TRACES, Signal
from domain.wire import Piece, join, split

MAX_REQUEST_SPANS = 512
MAX_REQUEST_BYTES = 4 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024 * 1024
MAX_BAD_LINES_KEPT = 100
_READ_BYTES = 64 * 1024
_COMPRESSED_READ_BYTES = 1024  # what the best compressed kilobyte inflates to still fits in memory
_MAGIC_BYTES = 6
_COMPRESSIONS: Mapping[bytes, tuple[str, Callable[[], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda: zlib.decompressobj(wbits=31)),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMADecompressor),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\x28\xb5\x2f\xfd": ("zstd", lambda: zstandard.ZstdDecompressor().decompressobj()),
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
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


def read_trace_files(paths: Sequence[Path], report: LoadReport) -> Iterator[bytes]:
    """The trace requests of `read_requests`."""
    return (loaded.request for loaded in read_requests(paths, report) if loaded.signal is TRACES)


def read_requests(paths: Sequence[Path], report: LoadReport) -> Iterator[Loaded]:
    """Encoded requests of at most `MAX_REQUEST_SPANS` items and `MAX_REQUEST_BYTES` (or one larger item).

    `report` grows while the requests are taken. PermanentError before anything is read when a file cannot be
    opened, and at the end when no span was found in all of them.
    """
    for path in paths:
        _check_readable(path)
    pieces: list[Piece] = []
    size, last = 0, TRACES
    for path in paths:
        for signal, piece in _pieces(path, report):
            length = len(piece.span) + len(piece.resource) + len(piece.scope)
            is_full = len(pieces) >= MAX_REQUEST_SPANS or size + length > MAX_REQUEST_BYTES
            if pieces and (is_full or signal is not last):
                yield Loaded(last, join(pieces))
                pieces, size = [], 0
            pieces.append(piece)
            size, last = size + length, signal
    if pieces:
        yield Loaded(last, join(pieces))
    if not report.spans and not report.log_records:
        raise PermanentError(_nothing_left(paths, report))


def _check_readable(path: Path) -> None:
    """Ask instead of opening: a pipe can be opened only once."""
    if path.is_dir():
        raise PermanentError(f"{path}: is a directory; name trace files")
    if not path.exists():
        raise PermanentError(f"{path}: no such file")
    if not os.access(path, os.R_OK):
        raise PermanentError(f"{path}: permission denied")


def _nothing_left(paths: Sequence[Path], report: LoadReport) -> str:
    names = ", ".join(map(str, paths))
    if not report.bad_lines:
        return f"{names}: no spans; expected one JSON span or OTLP/JSON document a line"
    return f"{names}: no usable span in {report.lines} lines; first problem: {report.bad[0]}"


def _pieces(path: Path, report: LoadReport) -> Iterator[_Item]:
    """The items of one file; where it breaks off, what came before is kept."""
    number = 0
    try:
        with path.open("rb") as file:
            chunks = _chunks(_Counting(file, report))
            head = next(chunks, b"")
            chunks = chain((head,), chunks)
            for number, line in _whole(chunks) if _is_encoded(head) else _lines(chunks):
                if line.strip():
                    report.lines += 1
                    yield from _pieces_of_line(line, str(path), number, report)
    except OSError as error:
        report.add_bad(str(path), number + 1, f"cannot be read on: {error.strerror}", is_end=True)
    except PermanentError as error:
        report.add_bad(str(path), number + 1, f"{error}; kept what came before", is_end=True)


def _pieces_of_line(line: bytes, file: str, number: int, report: LoadReport) -> Iterator[_Item]:
    try:
        if len(line) > MAX_LINE_BYTES:
            raise PermanentError(f"longer than {MAX_LINE_BYTES // 1024**2} MiB")
        signal, message = _decoded(line)
        pieces = list(split(message.SerializeToString()))
    except PermanentError as error:
        report.add_bad(file, number, str(error))
    else:
        if signal is TRACES:
            report.spans += len(pieces)
        else:
            report.log_records += len(pieces)
        yield from ((signal, piece) for piece in pieces)


def _decoded(line: bytes) -> tuple[Signal, Message]:
    if _is_encoded(line):
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


def _is_encoded(head: bytes) -> bool:
    """Whether bytes begin as an encoded request does: field 1, a length, and no JSON after blank lines."""
    return head[:1] == b"\n" and bool(head.strip()) and not head.lstrip().startswith((b'{"', b"{ ", b"{'", b"{}"))


def _whole(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """All of a file as its line 1; of one beyond the limit only a beginning that shows it is beyond."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        if size <= MAX_LINE_BYTES:
            held.append(chunk)
            size += len(chunk)
    yield 1, b"".join(held)


class _Counting:
    """A file whose bytes are counted as they are read."""

    def __init__(self, file: IO[bytes], report: LoadReport) -> None:
        self._file = file
        self._report = report

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        data = self._file.read(size)
        self._report.read_bytes += len(data)
        return data


def _lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; of a line beyond the limit only a beginning that shows it is beyond."""
    number = 1
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join((*held, end))
            yield number, line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
            number += 1
            held, size = [], 0
        if rest and size <= MAX_LINE_BYTES:
            held.append(rest)
            size += len(rest)
    if held:
        line = b"".join(held)
        yield number, line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line


def _chunks(file: _Counting) -> Iterator[bytes]:
    """The content of a file in pieces, decompressed when its first bytes say so."""
    head = file.read(_MAGIC_BYTES)
    for magic, (name, start) in _COMPRESSIONS.items():
        if head.startswith(magic):
            return _inflated(file, head, name, start)
    return chain((head + file.read(_READ_BYTES),), iter(partial(file.read, _READ_BYTES), b""))


def _inflated(file: _Counting, data: bytes, name: str, start: Callable[[], Any]) -> Iterator[bytes]:
    """Decompress member after member, as `cat a.gz b.gz` makes them; zeros between members are padding."""
    decompressor, is_inside = start(), False
    while data or (data := file.read(_COMPRESSED_READ_BYTES)):
        if not is_inside and not (data := data.lstrip(b"\0")):
            continue
        try:
            out = decompressor.decompress(data)
        except (OSError, lzma.LZMAError, zlib.error, zstandard.ZstdError):  # bz2 raises OSError
            raise PermanentError(f"damaged {name} data") from None
        if out:
            yield out
        is_inside, data = not decompressor.eof, b""
        if decompressor.eof:
            data = decompressor.unused_data
            decompressor = start()
    if is_inside:
        raise PermanentError(f"truncated {name} data")
