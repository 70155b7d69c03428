"""What the spans of traces come to, read once a window: every overview and every page asks for it again."""

from collections.abc import Iterator, Mapping, Sequence

from domain.contents import TraceContents
from engine.querying.memory import memory_of
from engine.querying.statements import told_plainly
from engine.window import TraceWindow

_AT_ONCE = 5_000
_KEPT_TRACES = 20_000
_KEY = "contents"
_TRACE_BYTES, _ERROR_BYTES, _NAME_BYTES = 300, 150, 60


def contents_of(window: TraceWindow, positions: Sequence[int]) -> Iterator[TraceContents]:
    """The contents of the traces at ascending positions; kept while they are few enough, else read anew each time."""
    memory = memory_of(window)
    known: Mapping[int, TraceContents] = memory.get(_KEY) or {}
    unknown = [position for position in positions if position not in known]
    if len(known) + len(unknown) > _KEPT_TRACES:
        yield from _read(window, positions)
        return
    if unknown:
        known = {**known, **{each.position: each for each in _read(window, unknown)}}
        memory.put(_KEY, known, _size_bytes(known))
    yield from (known[position] for position in positions if position in known)


def _read(window: TraceWindow, positions: Sequence[int]) -> Iterator[TraceContents]:
    for start in range(0, len(positions), _AT_ONCE):
        with told_plainly():
            found = window.reader.contents(positions[start : start + _AT_ONCE], selection=window.selection)
        yield from found


def _size_bytes(known: Mapping[int, TraceContents]) -> int:
    """About what they take; traces share their names with others that have the same."""
    names = {id(each.names): each.names for each in known.values()}
    texts = sum(_NAME_BYTES + len(text) for each in names.values() for list_ in each for text in list_)
    errors = sum(_ERROR_BYTES + len(error.error) for each in known.values() for error in each.errors)
    return texts + errors + _TRACE_BYTES * len(known)
