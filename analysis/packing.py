"""Facts of a large window in a fraction of the memory, read as the facts they were made from.

Most of what a fact says (service, tool, model, status, error text …) it shares with thousands of others, so facts that
are alike share one shape. What is left is ids, times, counts and hashes, which stand in arrays, those of tool calls
and of answers apart from each other, since most spans are one or the other or neither.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, make_dataclass, replace
from itertools import repeat
from operator import attrgetter
from typing import Any, cast, overload

from analysis.columns import Amounts, Counts, Hashes, Objects
from analysis.facts import SpanFact, TraceFacts

PLAIN_SPANS = 100_000
"""Spans up to which a window's facts are kept as they are: about 150 MB."""
_NOWHERE = -1
_PLACED = ("trace_id", "span_id", "parent_id", "scope_id", "issuer_id", "start_ns", "end_ns")
_RELATED = ("parent_id", "scope_id", "issuer_id")
_NAMES = tuple(field.name for field in fields(SpanFact))
_DEFAULTS = {"call_id": "", "requested": (), "answered_calls": ()}


_Make = Callable[[], Any]
_OF_CALLS: dict[str, _Make] = {
    "call_id": Objects,
    "arguments_hash": Hashes,
    "arguments_chars": Counts,
    "arguments_like": Hashes,
    "result_hash": Hashes,
    "result_chars": Counts,
    "result_like": Hashes,
}
_OF_ANSWERS: dict[str, _Make] = {
    "input_tokens": Counts,
    "output_tokens": Counts,
    "cached_tokens": Counts,
    "cost_usd": Amounts,
    "output_chars": Counts,
    "requested": Objects,
    "answered_calls": Objects,
    "messages": Counts,
    "kept_messages": Counts,
    "checked_words": Counts,
    "unfounded_words": Counts,
}
_OF_RUNS = ("session", "task", "verdicts", "version", "agent")
_SHARED = tuple(name for name in _NAMES if name not in {*_PLACED, *_OF_CALLS, *_OF_ANSWERS, *_OF_RUNS})


class _Part:
    """The rows of those spans that say anything in some fields; `blank` is what the others say there."""

    def __init__(self, made: dict[str, _Make]) -> None:
        self.columns = {name: make() for name, make in made.items()}
        self.rows = array("i")
        self._adders = tuple(column.add for column in self.columns.values())
        self._read = attrgetter(*made)
        self._blank = tuple(_DEFAULTS.get(name, "" if make is Hashes else None) for name, make in made.items())
        self._count = 0

    def add(self, span: SpanFact) -> None:
        """Append a span."""
        values = self._read(span)
        if values == self._blank:
            self.rows.append(_NOWHERE)
            return
        self.rows.append(self._count)
        self._count += 1
        for add, value in zip(self._adders, values, strict=True):
            add(value)


_Shape: Any = make_dataclass("_Shape", _SHARED, slots=True, eq=False)
_Run: Any = make_dataclass("_Run", _OF_RUNS, slots=True, eq=False)
_shared, _of_run = attrgetter(*_SHARED), attrgetter(*_OF_RUNS)


class Packer:
    """Packs the traces of one window; what they have in common is there once."""

    def __init__(self) -> None:
        self.trace_ids: list[str] = []
        self.trace = array("i")
        self.ids = Hashes()
        self.related = {name: array("i") for name in _RELATED}
        self.strays: dict[tuple[str, int], str] = {}  # ids that are no span's of the trace
        self.starts, self.ends = array("q"), array("q")
        self.calls, self.answers = _Part(_OF_CALLS), _Part(_OF_ANSWERS)
        self.shapes: list[Any] = []
        self._shape_of: dict[Any, Any] = {}
        self.runs: list[Any] = []

    def pack(self, trace: TraceFacts) -> TraceFacts:
        """The same trace, small; its spans are made anew whenever they are asked for."""
        first = len(self.shapes)
        known: dict[str, int] = {}
        for at, span in enumerate(trace.spans, first):
            known.setdefault(span.span_id, at)
        runs: dict[Any, Any] = {}
        number = len(self.trace_ids)
        self.trace_ids.append(trace.trace_id)
        for at, span in enumerate(trace.spans, first):
            self.trace.append(number)
            self.ids.add(span.span_id)
            self.starts.append(span.start_ns)
            self.ends.append(span.end_ns)
            self._relate(span, at, known)
            self.shapes.append(_alike(self._shape_of, _Shape, _shared(span)))
            self.runs.append(_alike(runs, _Run, _of_run(span)))
            self.calls.add(span)
            self.answers.add(span)
        return replace(trace, spans=_Stretch(self, first, len(trace.spans)))

    def _relate(self, span: SpanFact, at: int, known: dict[str, int]) -> None:
        for name in _RELATED:
            span_id = getattr(span, name)
            position = known.get(span_id, _NOWHERE) if span_id else _NOWHERE
            if span_id and position == _NOWHERE:
                self.strays[name, at] = span_id
            self.related[name].append(position)


def _alike(known: dict[Any, Any], kind: Any, values: tuple[Any, ...]) -> Any:
    found = known.get(values)
    if found is None:
        found = known[values] = kind(*values)
    return found


class _Packed:
    """One fact; every field of `SpanFact` is an attribute."""

    __slots__ = ("_at", "_packer", "_run", "_shape")

    def __init__(self, packer: Packer, at: int) -> None:
        self._packer, self._at = packer, at
        self._shape, self._run = packer.shapes[at], packer.runs[at]

    @property
    def trace_id(self) -> str:
        return self._packer.trace_ids[self._packer.trace[self._at]]

    @property
    def span_id(self) -> str:
        return cast(str, self._packer.ids.at(self._at))

    @property
    def start_ns(self) -> int:
        return self._packer.starts[self._at]

    @property
    def end_ns(self) -> int:
        return self._packer.ends[self._at]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (_Packed, SpanFact)):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _NAMES)

    def __hash__(self) -> int:
        return hash((self.trace_id, self.span_id))

    def __repr__(self) -> str:
        said = (f"{name}={value!r}" for name in _NAMES if (value := getattr(self, name)) not in ("", None, ()))
        return f"SpanFact({', '.join(said)})"


def _reader_of(part: str, name: str, blank: Any) -> Callable[[_Packed], Any]:
    part_of = attrgetter(part)

    def read(fact: _Packed) -> Any:
        own: _Part = part_of(fact._packer)
        row = own.rows[fact._at]
        return blank if row == _NOWHERE else own.columns[name].at(row)

    return read


def _relation(name: str) -> Callable[[_Packed], str]:
    def read(fact: _Packed) -> str:
        packer = fact._packer
        at = packer.related[name][fact._at]
        return packer.strays.get((name, fact._at), "") if at == _NOWHERE else cast(str, packer.ids.at(at))

    return read


def _attributes() -> Iterator[tuple[str, Any]]:
    for name in _SHARED:
        yield name, property(attrgetter(f"_shape.{name}"))
    for name in _OF_RUNS:
        yield name, property(attrgetter(f"_run.{name}"))
    for name in _RELATED:
        yield name, property(_relation(name))
    for part, made in (("calls", _OF_CALLS), ("answers", _OF_ANSWERS)):
        for name, make in made.items():
            yield name, property(_reader_of(part, name, _DEFAULTS.get(name, "" if make is Hashes else None)))
    for name in ("ref", "duration_s"):
        yield name, vars(SpanFact)[name]


for _name, _attribute in _attributes():
    setattr(_Packed, _name, _attribute)


class _Stretch(Sequence[SpanFact]):
    """The spans of one trace."""

    __slots__ = ("_count", "_first", "_packer")

    def __init__(self, packer: Packer, first: int, count: int) -> None:
        self._packer, self._first, self._count = packer, first, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[SpanFact]:
        places = range(self._first, self._first + self._count)
        return cast(Iterator[SpanFact], map(_Packed, repeat(self._packer), places))

    @overload
    def __getitem__(self, at: int) -> SpanFact: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[SpanFact]: ...
    def __getitem__(self, at: int | slice) -> SpanFact | Sequence[SpanFact]:
        if isinstance(at, slice):
            return tuple(self[each] for each in range(*at.indices(self._count)))
        place = range(self._first, self._first + self._count)[at]
        return cast(SpanFact, _Packed(self._packer, place))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((self._first, self._count))


def kept(traces: Iterable[TraceFacts]) -> Iterator[TraceFacts]:
    """Traces as a window keeps them: as they are while they are few, which is fastest to read, and else packed."""
    plain: list[TraceFacts] = []
    spans = 0
    waiting = iter(traces)
    for trace in waiting:
        plain.append(trace)
        spans += len(trace.spans)
        if spans > PLAIN_SPANS:
            break
    else:
        yield from plain
        return
    packer = Packer()
    for at, trace in enumerate(plain):
        plain[at] = packer.pack(trace)
    yield from plain
    plain.clear()
    yield from map(packer.pack, waiting)


def unpacked(fact: SpanFact) -> SpanFact:
    """A fact of its own, as it was before it was packed."""
    return SpanFact(**{name: getattr(fact, name) for name in _NAMES})
