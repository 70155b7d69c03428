"""Span lines that stand in a file as `domain.halo_lines` would write them: shown as they are, without OTLP in between.

Most files were written by a HALO exporter, and decoding a line only to write it again takes ten times as long as
reading it. Whatever decoding would change (an odd id, a time with a zone, events) is refused here, so that there is one
answer for a line and not two. `tests/domain/test_written_lines.py` holds both ways against each other.
"""

import math
import re
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from domain.halo_jsonl import KIND_NAMES
from domain.otlp import PlainValue, Status
from domain.spans import SPAN_ID_BYTES, TRACE_ID_BYTES

_ID = {length: re.compile(rf"(?!0+\Z)[0-9a-f]{{{2 * length}}}") for length in (SPAN_ID_BYTES, TRACE_ID_BYTES)}
_TIME = re.compile(
    r"((?:19[89][0-9]|2[0-4][0-9][0-9])-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r"(?:\.([0-9]{1,9}))?Z"
)
_CODES = frozenset(Status.StatusCode.keys())
_ELSE = ("events", "links", "flags", "dropped_attributes_count", "resourceSpans", "resource_spans")
_MOST_INT = 2**63
_MOST_DEPTH = 20
_KEPT_IDS = b"halo.source."
_END_OF_ESCAPE = re.compile(r"\Au?[0-9a-f]{0,4}")  # a deep value is kept as JSON text, with escapes its line lacks
_LEAST_CHARS = 3
_ESCAPE, _DOCUMENT = b"\\u", b'pans"'


def written_object(line: bytes) -> dict[str, Any] | None:
    """The object that a span line decodes to and is written as; None when only decoding can tell."""
    if _KEPT_IDS in line:
        return None
    try:
        found = from_json(line)
        return _object(found)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def needle_of(required: str) -> bytes:
    """The part of a text which stands in every line whose written form has the text; empty when there is none.

    But for the lines that `may_hold` lets through in any case.
    """
    rest = _END_OF_ESCAPE.sub("", required)
    return rest.encode(errors="replace") if len(rest) >= _LEAST_CHARS else b""


def may_hold(line: bytes, needle: bytes) -> bool:
    """Whether a line has a text, or may have it escaped or encoded."""
    return needle in line or _ESCAPE in line or _DOCUMENT in line


def _object(found: dict[str, Any]) -> dict[str, Any] | None:
    """Raises what comes of values that are of other types."""
    if any(found.get(key) for key in _ELSE[:4]) or any(key in found for key in _ELSE[4:]):
        return None
    status, resource, scope = found["status"], found["resource"], found["scope"]
    parent, kind, code = found["parent_span_id"] or "", found["kind"], status["code"]
    is_known = kind in KIND_NAMES and code in _CODES and (parent == "" or _ID[SPAN_ID_BYTES].fullmatch(parent))
    if not (is_known and _ID[SPAN_ID_BYTES].fullmatch(found["span_id"])):
        return None
    if not _ID[TRACE_ID_BYTES].fullmatch(found["trace_id"]):
        return None
    return {
        "trace_id": found["trace_id"],
        "span_id": found["span_id"],
        "parent_span_id": parent,
        "trace_state": _text(found.get("trace_state")),
        "name": _text(found["name"]),
        "kind": kind,
        "start_time": _time(found["start_time"]),
        "end_time": _time(found["end_time"]) if found["end_time"] else "",
        "status": {"code": code, "message": _text(status.get("message"))},
        "resource": {"attributes": _values(resource.get("attributes"))},
        "scope": {"name": _text(scope.get("name")), "version": _text(scope.get("version"))},
        "attributes": _values(found["attributes"]),
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return value
    raise TypeError


def _time(text: str) -> str:
    """A time of UTC with nine digits; ValueError for any other, and for a day that the calendar lacks."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError
    datetime.fromisoformat(found[1])
    return text if len(text) == 30 else f"{found[1]}.{(found[2] or '').ljust(9, '0')}Z"


def _values(found: dict[str, PlainValue] | None) -> dict[str, PlainValue]:
    if found is None:
        return {}
    for value in found.values():
        if type(value) is not str:
            _check(value, _MOST_DEPTH)
    return found


def _check(value: PlainValue, depth: int) -> None:
    """ValueError for a number that OTLP or JSON lacks, and for what nests deeply."""
    if isinstance(value, float):
        is_kept = math.isfinite(value)
    elif isinstance(value, int):
        is_kept = isinstance(value, bool) or abs(value) < _MOST_INT
    else:
        is_kept = depth > 0
    if not is_kept:
        raise ValueError
    if isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth - 1)
