"""What is kept of a trace that may still grow: 58 bytes a span and each distinct text once.

Spans may come in any order, late and more than once, so they are only written down here. What they come to is counted
when the trace has ended, or has doubled (`analysis.streaming.counting`). A trace beyond its limit keeps its length
only.
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from struct import Struct
from typing import Any, NamedTuple

from analysis.streaming.digesting import SpanDigest
from domain.spans import SpanKind, SpanStatus

_RECORD = Struct("<8s8s4q4H2B")
RECORD_BYTES = _RECORD.size
TRACE_BYTES = 1_200
"""What a trace takes before its first span: objects, indexes, places in orders."""
_WORD_BYTES = 150
"""What a text takes beside its characters."""
_MAX_WORDS = 2**16 - 1
MAX_INT = 2**63 - 1
_PACK = _RECORD.pack
_LLM, _TOOL = SpanKind.LLM, SpanKind.TOOL
NO_PARENT = bytes(8)

Word = str | tuple[str | None, ...]
"""A name, a cause (error type, template) or a source (service, agent id, agent name)."""


class Record(NamedTuple):
    """A span as it is packed; texts are numbers of words. Of an LLM span the amounts are tokens, of a TOOL hashes."""

    span_id: bytes
    parent_id: bytes
    start_ns: int
    end_ns: int
    first: int
    second: int
    name: int  # of the tool; of other spans the tool they mention; of spans of no kind their own
    cause: int
    source: int
    model: int
    kind: int
    flags: int  # the status, and four times the ending

    @property
    def ending(self) -> int:
        """What the digest says of the ending."""
        return self.flags >> 2


_AS_RECORD: Callable[[tuple[Any, ...]], Record] = partial(tuple.__new__, Record)
"""Its own constructor takes twice as long."""
_by_start = attrgetter("start_ns", "span_id")


class OpenTrace:
    """One trace, and what it was counted as.

    `counted` is how many bytes of the records its counts rest on, 0 when there are none; `is_settled`, whether
    they are those of a trace that has ended; `others`, which of its labels were counted as `(others)`.
    """

    __slots__ = (
        "_numbers",
        "counted",
        "end_ns",
        "is_rooted",
        "is_settled",
        "last_ns",
        "others",
        "owner",
        "records",
        "spans",
        "text",
    )

    def __init__(self) -> None:
        self.records: bytearray | None = bytearray()  # None: beyond the limit
        self._numbers: dict[Word, int] = {"": 0}
        self.text = 0
        self.spans = 0
        self.counted = 0
        self.last_ns = 0
        self.end_ns = 0
        self.is_rooted = self.is_settled = False
        self.owner = ""  # told only when the records are given up
        self.others: frozenset[tuple[str, ...]] = frozenset()

    @property
    def size_bytes(self) -> int:
        """What the trace takes of memory, near enough."""
        held = 0 if self.records is None else len(self.records) + len(self.records) // 8
        return TRACE_BYTES + held + self.text + _WORD_BYTES * len(self._numbers)

    @property
    def words(self) -> Sequence[Word]:
        """Texts by number."""
        return list(self._numbers)

    def add(self, digest: SpanDigest) -> None:
        """Write a span down."""
        row, first, second, ending, error_type = digest
        (_, span_id, parent_id, service, name, kind, start_ns, end_ns, status, agent_id, agent_name) = row[:11]
        (model, inputs, outputs, tool, error) = row[13:18]
        self.spans += 1
        if end_ns and not parent_id:
            self.is_rooted = True
        if start_ns > MAX_INT or end_ns > MAX_INT:
            start_ns, end_ns = min(start_ns, MAX_INT), min(end_ns, MAX_INT)
        if end_ns > self.end_ns or start_ns > self.end_ns:
            self.end_ns = max(start_ns, end_ns)
        if self.records is None:
            return
        if kind is _LLM:
            first, second = min(inputs or 0, MAX_INT), min(outputs or 0, MAX_INT)
        elif kind is _TOOL:
            tool = tool or name.removeprefix("execute_tool ")
        elif not kind:
            tool = name
        numbers = self._numbers
        source = (service, agent_id, agent_name) if agent_id or agent_name else (service, None, None)
        self.records += _PACK(
            span_id,
            parent_id,
            start_ns,
            end_ns,
            first,
            second,
            numbers.get(tool) or self._number(tool) if tool else 0,
            self._number((error_type, error or "")) if error_type or error else 0,
            numbers.get(source) or self._number(source),
            numbers.get(model) or self._number(model) if model else 0,
            kind,
            status | ending << 2,
        )

    def _number(self, word: Word) -> int:
        numbers = self._numbers
        found = numbers.get(word)
        if found is None:
            found = numbers[word] = min(len(numbers), _MAX_WORDS)
            self.text += len(word) if isinstance(word, str) else sum(len(part or "") for part in word)
        return found

    def is_full(self, most_bytes: int) -> bool:
        """Whether the records have reached a limit."""
        return self.records is not None and (self.size_bytes > most_bytes or len(self._numbers) > _MAX_WORDS)

    def read(self, until: int | None = None) -> list[Record]:
        """The spans in the first bytes (all when None) by start; of several of one id the latest end counts.

        When all are read, what was told again is taken out of the records.
        """
        if self.records is None:
            return []
        packed = self.records if until is None else self.records[:until]
        told = list(map(_AS_RECORD, _RECORD.iter_unpack(packed)))
        if len({record.span_id for record in told}) < len(told):
            told = _latest(told)
            if until is None:
                self.records = bytearray(b"".join(_RECORD.pack(*record) for record in told))
                self.spans = len(told)
        told.sort(key=_by_start)
        return told

    def give_up(self) -> None:
        """Keep the length only."""
        self.records = None
        self._numbers = {"": 0}
        self.text = 0


def _latest(told: Sequence[Record]) -> list[Record]:
    """Of several records of one span the first with the latest end."""
    found: dict[bytes, Record] = {}
    for record in told:
        known = found.get(record.span_id)
        if known is None or record.end_ns > known.end_ns:
            found[record.span_id] = record
    return list(found.values())


def has_failed(record: Record) -> bool:
    """Whether a span is in error."""
    return record.flags & 3 == SpanStatus.ERROR
