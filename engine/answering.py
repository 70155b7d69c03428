"""Makes an answer of whatever a tool returned: JSON that every parser takes, and never more bytes than allowed."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import date, time
from enum import Enum
from typing import Any

from pydantic import BaseModel

MOST_ERROR_CHARS = 20_000
"""Most characters of a text that tells why a call has no answer."""
_MOST_BITS = 8_192  # decimal digits of longer ones are not made by Python
_TOO_LARGE = "ask for less: fewer items, a narrower filter, a smaller page; the same call would be as large again"


def answered(value: Any, limit_bytes: int) -> str:
    """`{"result": value}` as compact JSON of at most `limit_bytes`.

    A larger value is replaced: by the tool's own word of it when the value has one under `oversized`, else by
    `{"result": null, "oversized": {"bytes", "limit_bytes", "recommendation"}}`.
    """
    values = plain(value)
    whole = _json({"result": values})
    size = len(whole.encode())
    if size <= limit_bytes:
        return whole
    if isinstance(values, dict) and "oversized" in values:
        own = _json({"result": {"oversized": values["oversized"]}})
        if len(own.encode()) <= limit_bytes:
            return own
    return _json(
        {"result": None, "oversized": {"bytes": size, "limit_bytes": limit_bytes, "recommendation": _TOO_LARGE}}
    )


def refused(text: str) -> str:
    """`{"error": text}` as compact JSON, the text cut where it grows too long."""
    said = clean(text).strip()
    cut = said if len(said) <= MOST_ERROR_CHARS else f"{said[:MOST_ERROR_CHARS]} …"
    return _json({"error": cut or "the call failed and said nothing of why"})


def clean(text: str) -> str:
    """A text that UTF-8 can hold: halves of surrogate pairs are joined, single ones replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def plain(value: Any) -> Any:
    """A value as JSON has it: what is no number becomes null, bytes become text, what JSON does not know its text."""
    match value:
        case None | bool() | int() | float() | str() | bytes() | bytearray() | Enum():
            return _scalar(value)
        case Mapping():
            return {clean(str(key)): plain(item) for key, item in value.items()}
        case BaseModel():
            return plain(value.model_dump())
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case Set():
            return sorted((plain(item) for item in value), key=_json)
        case Sequence():
            return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date | time) else clean(str(value))


def _scalar(value: bool | int | float | str | bytes | bytearray | Enum | None) -> Any:
    match value:
        case Enum():
            return plain(value.value)
        case str():
            return clean(str(value))
        case bytes() | bytearray():
            return value.decode("utf-8", "replace")
        case float():
            return float(value) if math.isfinite(value) else None
        case int() if value.bit_length() > _MOST_BITS:
            return hex(value)
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
