"""Which traces may hold a text: containers are searched as they are, at the speed of memory, and no span is decoded.

Encoded spans have a text in their bytes as it is. A line of JSON may write the same text otherwise, and decoding adds
some that no line says; where either is possible a trace counts as holding it. So does one with log records, which
reach their spans only when these are read.
"""

import json
import re
import sqlite3
from collections.abc import Collection, Iterable, Sequence, Set

from domain.wire import locate
from store.window.containers import Codec
from store.window.passages import is_passage, read_passage

KEYS_AT_ONCE = 512
_LIES_IN = """
SELECT container, trace FROM spans WHERE trace IN (SELECT value FROM json_each(?)) GROUP BY container, trace
"""
_ORDINALS = "SELECT trace, ordinal FROM spans WHERE container = ? AND trace IN (SELECT value FROM json_each(?))"
_WITH_LOGS = """
SELECT id FROM traces WHERE id IN (SELECT value FROM json_each(?))
    AND EXISTS (SELECT 1 FROM logs WHERE logs.trace_id = traces.trace_id)
"""
_LEAST_CHARS = 3
_AS_IT_IS = re.compile(rb"[ !#-%(-.0-;=?-\[\]-~]+")  # what JSON writers leave as it is
_ESCAPED = re.compile(rb"\\u00(?!2[267]|3[cCeE])[2-7]")  # such a character, escaped all the same
_END_OF_ESCAPE = re.compile(rb"\A(?:[nrt]|u?[0-9a-f]{0,4})")
"""How a text may begin that was made of a JSON value: that has escapes which its line need not have."""
_WORD = re.compile(rb"[A-Za-z]+")
_ADDED = b"true false null NaN Infinity halo.source.trace_id halo.source.span_id"
"""Words of a decoded span that its line may lack."""
_DOCUMENT = b'pans"'  # resourceSpans or resource_spans, where bytes are written as base64

Doubts = dict[tuple[int, int], frozenset[int]]
"""By file and container the lines of a passage that may hold any text; passages never change."""


class Holding:
    """One search for a text, by one thread."""

    def __init__(self, needle: bytes, doubts: Doubts) -> None:
        self._needle = needle
        self._in_lines = sought_in_lines(needle)
        self._doubts = doubts
        self._codec = Codec()

    def among(self, file: int, connection: sqlite3.Connection, keys: Collection[int], has_logs: bool) -> set[int]:
        """Those of some traces that may hold the text, in one snapshot; `file` stands for the connection's file."""
        found: set[int] = set()
        if has_logs:
            found.update(key for (key,) in connection.execute(_WITH_LOGS, (_listed(keys),)))
        lying: dict[int, list[int]] = {}
        for container, trace in connection.execute(_LIES_IN, (_listed(keys),)):
            lying.setdefault(container, []).append(trace)
        for container, traces in lying.items():
            if not found.issuperset(traces):
                found |= self._in_container(file, connection, container, traces)
        return found

    def _in_container(
        self, file: int, connection: sqlite3.Connection, container: int, traces: Sequence[int]
    ) -> set[int]:
        row = connection.execute("SELECT data FROM blobs WHERE container = ?", (container,)).fetchone()
        if row is None:
            return set(traces)  # reading them tells what is wrong
        ordinals = self._ordinals((file, container), row[0])
        if ordinals is None:
            return set(traces)
        if not ordinals:
            return set()
        rows = connection.execute(_ORDINALS, (container, _listed(traces)))
        return {trace for trace, ordinal in rows if ordinal in ordinals}

    def _ordinals(self, container: tuple[int, int], data: bytes) -> Set[int] | None:
        """The spans of a container that may hold the text; None when that is not known."""
        if not is_passage(data):
            return _spans_holding(self._codec.decompress(data), self._needle)
        if not self._in_lines:
            return None
        raw = read_passage(data)
        if container not in self._doubts:
            self._doubts[container] = doubtful_lines(raw)
        return self._doubts[container].union(_lines_with(raw, self._in_lines))


def _listed(keys: Iterable[int]) -> str:
    return json.dumps(list(keys))


def _spans_holding(raw: bytes, needle: bytes) -> set[int]:
    """The ordinals of encoded spans that hold a text, themselves or in an envelope."""
    if needle not in raw:
        return set()
    return {
        ordinal
        for ordinal, (resource, scope, start, end) in enumerate(locate(raw))
        if raw.find(needle, start, end) >= 0 or needle in resource or needle in scope
    }


def sought_in_lines(needle: bytes) -> bytes:
    """The longest part of a text that is in every line whose decoded span has the text; empty when none is for certain.

    But for the lines that are `doubtful_lines`.
    """
    parts = (_END_OF_ESCAPE.sub(b"", part) for part in _AS_IT_IS.findall(needle))
    certain = [
        part for part in parts if len(part) >= _LEAST_CHARS and any(word not in _ADDED for word in _WORD.findall(part))
    ]
    return max(certain, key=len, default=b"")


def doubtful_lines(raw: bytes) -> frozenset[int]:
    """The lines of a passage that may have a text escaped or encoded."""
    found = set(_lines_with(raw, _DOCUMENT))
    ordinal = begin = 0
    for escape in _ESCAPED.finditer(raw):
        ordinal += raw.count(b"\n", begin, escape.start())
        begin = escape.start()
        found.add(ordinal)
    return frozenset(found)


def _lines_with(raw: bytes, text: bytes) -> list[int]:
    """The ordinals of the lines that have a text without a line feed."""
    found: list[int] = []
    ordinal = begin = 0
    at = raw.find(text)
    while at >= 0:
        ordinal += raw.count(b"\n", begin, at)
        found.append(ordinal)
        begin = raw.find(b"\n", at)
        at = raw.find(text, begin) if begin >= 0 else -1
    return found
