"""JSON text as strangers wrote it: whole, cut off by an attribute limit, or not JSON at all.

SDKs cut attribute values at a length (OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT), so a long history ends anywhere, often
inside a string. What stands before the cut is readable and is read; what is broken elsewhere is text.
"""

import json
import re
from typing import NamedTuple

from domain.otlp import PlainValue

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},]', re.DOTALL)
_PARTIAL_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_END_CHARS = 6  # the longest token that a cut can leave half-written outside strings is "false"
_MAX_CUT_CHARS = 1 << 20
_CLOSERS = {"[": "]", "{": "}"}


class Json(NamedTuple):
    """A parsed value, and whether the text was cut off, so that its last part may be incomplete."""

    value: PlainValue
    is_cut: bool = False


def read_json(text: str) -> Json | None:
    """The value in a JSON text, as far as the text goes; None when it is no JSON."""
    try:
        return Json(json.loads(text))
    except json.JSONDecodeError as error:
        return _read_cut(text, error)
    except (ValueError, RecursionError):
        return None


def _read_cut(text: str, error: json.JSONDecodeError) -> Json | None:
    """The value in a text that ends too early; None when it is broken before its end."""
    if text[:1] not in _CLOSERS or len(text) > _MAX_CUT_CHARS:
        return None
    if "escape" in error.msg and (escape := _PARTIAL_ESCAPE.search(text)) is not None:
        return read_json(text[: escape.start()])
    in_string = error.msg.startswith("Unterminated string")
    if not in_string and error.pos < len(text.rstrip()) - _END_CHARS:
        return None
    opened, place, then = _structure(text, error.pos if in_string else len(text))
    whole = (text + '"', _PARTIAL_ESCAPE.sub("", text) + '"') if in_string else (text,)
    for kept, depth in (*((end, len(opened)) for end in whole), (text[:place], then)):
        try:
            return Json(json.loads(kept + "".join(_CLOSERS[bracket] for bracket in reversed(opened[:depth]))), True)
        except (ValueError, RecursionError):
            continue
    return None


def _structure(text: str, end: int) -> tuple[list[str], int, int]:
    """The brackets open at `end`, the last place where the text may stop, and how many are open there."""
    opened: list[str] = []
    place, then = 0, 0
    for match in _TOKEN.finditer(text, 0, end):
        mark = match[0]
        if mark[0] == '"':
            continue
        if mark in _CLOSERS:
            opened.append(mark)
        elif mark != "," and opened:
            opened.pop()
        place, then = match.start() if mark == "," else match.end(), len(opened)
    return opened, place, then
