"""Tool calls that leaked: an answer that asks for nothing, and whose text is a call in some format's words.

A model whose call its server could not parse writes the call as prose. Documentation quotes calls too, so only the
name of a tool that the model was offered counts. Each text is looked through a bounded number of times.
"""

import json
import re
from collections.abc import Collection

from domain.otlp import PlainValue

_MAX_CHARS = 20_000
_MAX_PLACES = 20
_NAME = r"[\"']?([A-Za-z_][\w.:-]{0,99})"
_MARKED = re.compile(
    rf"<function={_NAME}|<invoke name={_NAME}|<\|?tool_call\|?>\s{{0,20}}(?:call:)?{_NAME}[({{]"
    rf"|<tool_call name={_NAME}|<tool_name>\s{{0,20}}{_NAME}"
)
_MARKS = ("<tool_call", "<function=", "<invoke ", "<tool_name", "<|tool_call")
_KEYS = ('"arguments"', '"parameters"', '"input"', '"args"')
_OBJECT = re.compile(
    r"\{\s{0,20}\"(?:name|function|tool|tool_name|type|id|action|arguments|parameters|recipient_name)\""
)
_DECODER = json.JSONDecoder()


def leaked_call(text: str, tools: Collection[str]) -> str:
    """The first declared tool whose call stands as text; "" for none."""
    if not tools:
        return ""
    text = text[:_MAX_CHARS]
    if "<" in text and any(mark in text for mark in _MARKS):
        names = (next(filter(None, match.groups()), "") for match in _MARKED.finditer(text))
        if found := next((name for name in names if name in tools), ""):
            return found
    if "{" not in text or not any(key in text for key in _KEYS):
        return ""
    return _written(text, tools)


def _written(text: str, tools: Collection[str]) -> str:
    """The declared tool that a JSON object in the text names beside arguments."""
    until = 0
    for number, match in enumerate(_OBJECT.finditer(text)):
        if number == _MAX_PLACES:
            break
        if match.start() < until:
            continue
        try:
            found, until = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        if name := _called(found, tools):
            return name
    return ""


def _called(found: PlainValue, tools: Collection[str]) -> str:
    if not isinstance(found, dict):
        return ""
    inner = found.get("function")
    if isinstance(inner, dict):
        found = inner
    names = (found.get(key) for key in ("name", "function", "tool", "tool_name", "action"))
    name = next((name for name in names if isinstance(name, str) and name in tools), "")
    return name if name and any(key.strip('"') in found for key in _KEYS) else ""
