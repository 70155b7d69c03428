"""Ids of files that are no OTLP ids: derived by hash, the originals kept as attributes of the span.

A receiver refuses such ids; files come from all kinds of tools, and one odd id must not cost a document.
"""

from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any

from domain.spans import SOURCE_SPAN_ID, SOURCE_TRACE_ID, SPAN_ID_BYTES, TRACE_ID_BYTES

_IDS = (
    (("traceId", "trace_id"), TRACE_ID_BYTES, SOURCE_TRACE_ID),
    (("spanId", "span_id"), SPAN_ID_BYTES, SOURCE_SPAN_ID),
    (("parentSpanId", "parent_span_id"), SPAN_ID_BYTES, ""),
)
_LEVELS = (("resourceSpans", "resource_spans"), ("scopeSpans", "scope_spans"), ("spans",))


@lru_cache(maxsize=4_096)
def otlp_id(text: str, length: int) -> bytes:
    """The OTLP id of `length` bytes for an id of a file: the same when it is one, else derived by hash."""
    if len(text) == 2 * length:
        try:
            found = bytes.fromhex(text)
        except ValueError:
            found = b""
        if len(found) == length and any(found):
            return found
    return sha256(text.encode()).digest()[:length]


def with_otlp_ids(document: dict[str, Any]) -> dict[str, Any]:
    """An OTLP/JSON trace document whose spans, and their links, have OTLP ids; changed in place."""
    for span in _below(document, _LEVELS):
        sources = _corrected(span)
        attributes = span.setdefault("attributes", []) if sources else None
        if isinstance(attributes, list):
            attributes += [{"key": key, "value": {"stringValue": text}} for key, text in sources]
        for link in _below(span, (("links",),)):
            _corrected(link)
    return document


def _corrected(owner: dict[str, Any]) -> list[tuple[str, str]]:
    """Replace odd ids; what each was, by the attribute that keeps it."""
    sources: list[tuple[str, str]] = []
    for names, length, source in _IDS:
        for name in names:
            text = owner.get(name)
            if not isinstance(text, str) or not text:
                continue
            derived = otlp_id(text, length).hex()
            if derived != text.lower():
                owner[name] = derived
                sources += [(source, text)] if source else []
    return sources


def _below(owner: Any, levels: tuple[tuple[str, ...], ...]) -> Iterator[dict[str, Any]]:
    """The objects at the end of a path of lists; what has another shape is left to the decoder."""
    if not isinstance(owner, dict):
        return
    if not levels:
        yield owner
        return
    for name in levels[0]:
        found = owner.get(name)
        for each in found if isinstance(found, list) else ():
            yield from _below(each, levels[1:])
