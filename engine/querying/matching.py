"""Searching the JSON lines of spans, and telling what was found where."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from domain.halo_lines import line_objects, line_text
from domain.spans import StoredSpan, StoredTrace
from engine.querying.bounding import cut
from engine.querying.expressions import Expression, Limit, Sought
from engine.querying.memory import Memory
from engine.querying.predicates import has_bytes

MATCH_CHARS = 1_000
_KEPT_TRACE_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Line:
    """A span as its line, with what a match says of it."""

    text: str
    index: int
    about: dict[str, Any]


@dataclass
class Found:
    """All matches of a search: how many, and the first of them in full."""

    most: int
    context_chars: int
    count: int = 0

    def __post_init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def look(self, expression: Sought, line: Line, limit: Limit) -> bool:
        """Add the matches of a line; whether there are any."""
        before = self.count
        for start, end in expression.places(line.text, limit):
            self.count += 1
            if len(self.records) < self.most:
                self.records.append(_record(line, start, end, self.context_chars))
        return self.count > before

    def told(self) -> dict[str, Any]:
        """The part of an answer about matches."""
        return {
            "match_count": self.count,
            "returned_match_count": len(self.records),
            "has_more": self.count > len(self.records),
            "matches": self.records,
        }


def lines_of(
    trace: StoredTrace, expression: Expression, memory: Memory, among: Sequence[StoredSpan] | None = None
) -> Iterable[Line]:
    """The lines of a trace, or of some of its spans, in which an expression can match.

    All lines of a trace are kept for the next search in it, unless they are long or only a few are needed.
    """
    needle = expression.required.encode()
    key = ("lines", trace.summary.trace_id)
    kept: Sequence[Line] | None = memory.get(key)
    if kept is None and (needle or among is not None):
        hits = [stored for stored in (trace.spans if among is None else among) if has_bytes(stored, needle)]
        return made(trace, hits)
    if kept is None:
        size_bytes = sum(len(stored.raw) for stored in trace.spans)
        if size_bytes > _KEPT_TRACE_BYTES:
            return made(trace, trace.spans)
        kept = tuple(made(trace, trace.spans))
        memory.put(key, kept, sum(2 * len(line.text) + 1_000 for line in kept))
    if among is None:
        return kept
    wanted = {id(stored) for stored in among} | {stored.span_id for stored in among}
    return [line for line in kept if trace.spans[line.index].span_id in wanted]


def made(trace: StoredTrace, spans: Sequence[StoredSpan]) -> Iterator[Line]:
    """Lines of some spans of a trace, one at a time."""
    at = {stored.span_id: number for number, stored in enumerate(trace.spans)}
    for stored, each in zip(spans, line_objects(trace.spans, spans), strict=True):
        yield line_of(each, at[stored.span_id])


def line_of(each: dict[str, Any], index: int) -> Line:
    """The line of a span's object, the span being the index-th of its trace."""
    text = line_text(each)
    return Line(text, index, _about(each, text, index))


def _about(each: dict[str, Any], text: str, index: int) -> dict[str, Any]:
    return {
        "trace_id": each["trace_id"],
        "span_id": each["span_id"],
        "span_index": index,
        "span_name": cut(each["name"], MATCH_CHARS),
        "kind": each["kind"],
        "status_code": each["status"]["code"],
        "parent_span_id": each["parent_span_id"],
        "raw_jsonl_bytes": len(text.encode(errors="replace")),
    }


def _record(line: Line, start: int, end: int, context_chars: int) -> dict[str, Any]:
    """One match; a long one is cut, and `match_chars` tells how long it is."""
    text = line.text
    is_long = end - start > MATCH_CHARS
    shown = text[start : min(end, start + MATCH_CHARS)]
    after = "..." if is_long else ""
    context = f"{text[max(start - context_chars, 0) : start]}{shown}{after}{text[end : end + context_chars]}"
    return {
        **line.about,
        "match_text": shown,
        "matched_context": context,
        "match_start_char": start,
        "match_end_char": end,
        **({"match_chars": end - start} if is_long else {}),
    }
