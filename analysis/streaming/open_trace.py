"""What is kept of a trace that may still grow: 58 bytes a span and each distinct text once.

Spans may come in any order, late and more than once, so they are only written down here. What they come to is counted
when the trace has ended, or has doubled (`analysis.streaming.counting`). A trace beyond its limit keeps its length
only.
"""

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

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
_LLM = SpanKind.LLM
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
        (_, span_id, parent_id, service, name, kind, start_ns, end_ns, status) = row[:9]
        (agent_id, agent_name, _, _, model, inputs, outputs, tool, error) = row[9:18]
        self.spans += 1
        if end_ns and not parent_id:
            self.is_rooted = True
        if start_ns > MAX_INT or end_ns > MAX_INT:
            start_ns, end_ns = min(start_ns, MAX_INT), min(end_ns, MAX_INT)
        self.end_ns = max(self.end_ns, start_ns, end_ns)
        if self.records is None:
            return
        if kind is _LLM:
            first, second = min(inputs or 0, MAX_INT), min(outputs or 0, MAX_INT)
        number = self._number
        self.records += _RECORD.pack(
            span_id,
            parent_id,
            start_ns,
            end_ns,
            first,
            second,
            number(_called(kind, name, tool)),
            number((error_type, error or "")) if error_type or error else 0,
            number((service, agent_id, agent_name)) if agent_id or agent_name else number((service, None, None)),
            number(model or ""),
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
        found: dict[bytes, Record] = {}
        for values in _RECORD.iter_unpack(self.records if until is None else self.records[:until]):
            known = found.get(values[0])
            if known is None or values[3] > known.end_ns:
                found[values[0]] = tuple.__new__(Record, values)  # its own constructor takes twice as long
        if until is None and len(found) * RECORD_BYTES < len(self.records):
            self.records = bytearray(b"".join(_RECORD.pack(*record) for record in found.values()))
            self.spans = len(found)
        return sorted(found.values(), key=_by_start)

    def give_up(self) -> None:
        """Keep the length only."""
        self.records = None
        self._numbers = {"": 0}
        self.text = 0


def _by_start(record: Record) -> tuple[int, bytes]:
    return record.start_ns, record.span_id


def _called(kind: SpanKind, name: str, tool: str | None) -> str:
    if kind is SpanKind.TOOL:
        return tool or name.removeprefix("execute_tool ")
    return (tool or "") if kind else name


def has_failed(record: Record) -> bool:
    """Whether a span is in error."""
    return record.flags & 3 == SpanStatus.ERROR
