"""Lines of a file as rows of a window: pure work on bytes, done beside the process that writes the window.

Spans stay where they are, in the file: a row tells in which passage of it, and on which of the passage's lines. Only
what a line cannot be asked for again alone, as an OTLP document of many spans, is handed on as requests to be copied.
A batch consists of plain values, so that it can be sent as `marshal` writes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import itemgetter
from pathlib import Path
from typing import Any, cast
from zlib import crc32

from domain.errors import PermanentError
from domain.line_index import LineIndexer
from domain.otlp import ExportTraceServiceRequest
from domain.signals import TRACES
from domain.spans import OWN_SERVICE, SpanIndex
from domain.wire import join, split
from store.loading import MAX_BAD_LINES_KEPT, MAX_REQUEST_SPANS, decode
from store.window.passages import lines_of
from store.window.planning import plan
from store.window.rollup import Identity, RollUp, roll_up
from store.window.schema import MAX_INT

PASSAGE_BYTES = 128 * 1024
"""How much of a file is read to find one span in it."""
_ROLLED = itemgetter(1, 2, 6, 7, 8, 9, 10, 11, 17, 18, 19, 20)  # as in store.window.rollup.COLUMNS
_BY_SPAN, _SIZE = itemgetter(1), itemgetter(12)
_Row = tuple[int | None, ...]


@dataclass(slots=True)
class Batch:
    """The lines of a file from `start` to `end`.

    `columns` are those of the table `spans`, in its order, but texts are numbers of `texts`, from 1, traces are
    positions in `traces`, and containers positions in `passages`: (offset, length, checksum, spans, traces). A trace
    is its id, bytes, session, what the file calls it, and its roll-up. `bad` are (line, reason), counted from the
    batch's first line, which is 1. `others` are (signal, encoded request).
    """

    start: int
    end: int
    lines: int = 0
    used_lines: int = 0
    spans: int = 0
    log_records: int = 0
    bad_lines: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    traces: list[tuple[Any, ...]] = field(default_factory=list)
    passages: list[tuple[int, int, int, int, list[int]]] = field(default_factory=list)
    columns: list[tuple[int | None, ...]] = field(default_factory=list)
    others: list[tuple[str, bytes]] = field(default_factory=list)


def read_batch(path: Path, start: int, end: int) -> Batch:
    """The whole lines between two offsets; OSError when the file cannot be read."""
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(end - start)
    made = _Making(Batch(start, start + len(data)))
    for offset, text in _passages(data):
        made.passage(offset + start, text)
    return made.finished()


def _passages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Whole lines of `PASSAGE_BYTES` together, or one longer line, with the offset of each."""
    offset = 0
    while offset < len(data):
        end = data.rfind(b"\n", offset, offset + PASSAGE_BYTES) + 1 or data.find(b"\n", offset) + 1 or len(data)
        yield offset, data[offset:end]
        offset = end


class _Trace:
    """What a batch has of a trace."""

    __slots__ = ("number", "rows", "session")

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows: list[_Row] = []
        self.session: str | None = None


class _Texts(dict[str | None, int | None]):
    """`texts[text]` is the number of a text among all of a batch, from 1; None is None."""

    def __missing__(self, text: str | None) -> int:
        self[text] = number = len(self)
        return number


class _Making:
    """Builds a batch, passage by passage."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._indexer = LineIndexer()
        self._texts = _Texts({None: None})
        self._traces: dict[bytes, _Trace] = {}
        self._sources: dict[bytes, str] = {}

    def passage(self, offset: int, text: bytes) -> None:
        """The next whole lines, which begin at an offset of the file."""
        lines = lines_of(text)
        batch, container, spans, row_of = self._batch, len(self._batch.passages), 0, self._indexer.row
        traces: set[int] = set()
        for ordinal, line in enumerate(lines):
            row = row_of(line) or self._closer(line, batch.lines + ordinal + 1)
            if row is not None:
                spans += 1
                traces.add(self._keep(row, container, ordinal))
        batch.lines += len(lines)
        batch.used_lines += spans
        batch.spans += spans
        batch.passages.append((offset, len(text), crc32(text), spans, sorted(traces)))

    def _keep(self, row: SpanIndex, container: int, ordinal: int) -> int:
        """Put a row with its trace; the trace's number."""
        trace_id, span_id, parent_id, service, name, kind, start_ns, end_ns, status, agent_id, agent_name = row[:11]
        session, provider, model, input_tokens, output_tokens, tool, error, size_bytes = row[11:]
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = _Trace(len(self._traces))
        if start_ns > MAX_INT or end_ns > MAX_INT:
            start_ns, end_ns = min(start_ns, MAX_INT), min(end_ns, MAX_INT)
        if session is not None and (trace.session is None or session < trace.session):
            trace.session = session
        texts, number = self._texts, int.from_bytes
        trace.rows.append(
            (
                trace.number,
                number(span_id, "big", signed=True),
                number(parent_id, "big", signed=True) if parent_id else None,
                container,
                ordinal,
                0,
                texts[service],
                texts[name],
                +kind,
                +status,
                start_ns,
                end_ns - start_ns if end_ns else None,
                size_bytes,
                texts[provider],
                texts[model],
                texts[tool],
                texts[error],
                texts[agent_id],
                texts[agent_name],
                input_tokens,
                output_tokens,
            )
        )
        return trace.number

    def _closer(self, line: bytes, number: int) -> SpanIndex | None:
        """A line that is not of the usual shape: its row when it is one span; what it is else is put into the batch."""
        if not line.strip():
            return None
        batch = self._batch
        try:
            signal, message = decode(line)
            request = message.SerializeToString()
            pieces = list(split(request))
        except PermanentError as error:
            batch.used_lines += 1
            batch.bad_lines += 1
            if len(batch.bad) < MAX_BAD_LINES_KEPT:
                batch.bad.append((number, str(error)))
            return None
        if signal is TRACES and len(pieces) == 1:
            planned = plan(request, cast(ExportTraceServiceRequest, message))
            if not planned.rejected:
                self._sources |= planned.sources
                return planned.rows[0]._replace(size_bytes=len(line))
        batch.used_lines += 1
        if signal is TRACES:
            batch.spans += len(pieces)
        else:
            batch.log_records += len(pieces)
        for first in range(0, len(pieces), MAX_REQUEST_SPANS):
            batch.others.append((signal.name, join(pieces[first : first + MAX_REQUEST_SPANS])))
        return None

    def finished(self) -> Batch:
        """The batch; rows are in the order of the table, which is the fastest to write."""
        batch, own = self._batch, self._texts.get(OWN_SERVICE)
        rows: list[_Row] = []
        for trace_id, trace in self._traces.items():
            trace.rows.sort(key=_BY_SPAN)
            rows += trace.rows
            sums = roll_up(map(_ROLLED, trace.rows), own)
            size_bytes = sum(map(_SIZE, trace.rows))
            batch.traces.append((trace_id, size_bytes, trace.session, self._sources.get(trace_id), _plain(sums)))
        batch.columns = list(zip(*rows, strict=True))
        batch.texts = [text for text in self._texts if text is not None]
        return batch


def _plain(sums: RollUp) -> tuple[Any, ...]:
    return tuple(_as_plain(getattr(sums, each.name)) for each in fields(sums))


def _as_plain(value: Any) -> Any:
    return tuple(map(_as_plain, value)) if isinstance(value, tuple) else value


def sums_of(plain: Sequence[Any], texts: Mapping[int | None, int | None]) -> RollUp:
    """The roll-up of a trace of a batch, with the numbers that the batch's texts have in the window."""
    sums = RollUp(*plain)
    sums.root_name, sums.service = texts[sums.root_name], texts[sums.service]
    sums.owner = sums.owner and _identity(sums.owner, texts)
    sums.nested = tuple(_identity(each, texts) for each in sums.nested)
    return sums


def _identity(found: Sequence[int | None], texts: Mapping[int | None, int | None]) -> Identity:
    service, key, name = (texts[each] for each in found)
    assert service is not None
    assert name is not None
    return Identity(service, key, name)
