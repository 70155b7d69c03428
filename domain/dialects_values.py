"""How attribute values are read: short text, counts and money, whatever type the emitter chose.

No value makes these raise. JavaScript emitters send numbers as doubles, some gateways as text, and what one
dialect writes as JSON text another sends as a structured value.
"""

import json
from collections.abc import Callable, Sequence
from math import isfinite

from domain.otlp import AnyValue, PlainValue, plain

TEXT_MAX_CHARS = 200
_JSON_MAX_CHARS = 64 * 1024
_MAX_EXACT = 2**53  # beyond it doubles skip whole numbers
_MAX_DECIMALS = 18  # of a count that an int64 holds


def read_text(value: AnyValue) -> str | None:
    """Short text; a number is its decimal form. None when there is none."""
    return value.string_value[:TEXT_MAX_CHARS] or _number_text(value)


def _number_text(value: AnyValue) -> str | None:
    which = value.WhichOneof("value")
    if which == "int_value":
        return str(value.int_value)
    if which == "double_value" and value.double_value.is_integer():
        return str(int(value.double_value))[:TEXT_MAX_CHARS]
    return None


def read_quoted(value: AnyValue) -> str | None:
    """As `read_text`, of text that may be written as JSON, in quotes."""
    text = value.string_value
    if not text.startswith('"') or len(text) > _JSON_MAX_CHARS:
        return read_text(value)
    try:
        return str(json.loads(text))[:TEXT_MAX_CHARS] or None
    except (ValueError, RecursionError):
        return text[:TEXT_MAX_CHARS]


def text_reader(key: str) -> Callable[[AnyValue], str | None]:
    """How the text of a key is read: MLflow writes every value as JSON."""
    return read_quoted if key.startswith("mlflow.") else read_text


def read_count(value: AnyValue) -> int | None:
    """A count of tokens; None when negative or no number."""
    count = value.int_value
    if count > 0:
        return count
    which = value.WhichOneof("value")
    if which == "int_value":
        return 0 if count == 0 else None
    if which == "double_value":
        return _whole(value.double_value)
    return _count_in(value.string_value) if which == "string_value" else None


def read_amount(value: AnyValue) -> float | None:
    """An amount of money, in the unit of its field; None when negative or no number."""
    number = read_number(value)
    return number if number is not None and number >= 0 else None


def read_number(value: AnyValue) -> float | None:
    """A finite number; None when it is none. A truth value is none."""
    which = value.WhichOneof("value")
    if which == "int_value":
        return float(value.int_value)
    if which == "double_value":
        return _finite(value.double_value)
    return _finite(value.string_value[:TEXT_MAX_CHARS]) if which == "string_value" else None


def count(found: PlainValue) -> int | None:
    """As `read_count`, of a value inside JSON."""
    if isinstance(found, bool):
        return None
    if isinstance(found, int):
        return found if 0 <= found < 2**63 else None
    if isinstance(found, float):
        return _whole(found)
    return _count_in(found) if isinstance(found, str) else None


def amount(found: PlainValue) -> float | None:
    """As `read_amount`, of a value inside JSON."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    number = _finite(found)
    return number if number is not None and number >= 0 else None


def _finite(found: float | str) -> float | None:
    try:
        number = float(found)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _whole(number: float) -> int | None:
    return int(number) if 0 <= number < _MAX_EXACT else None


def _count_in(text: str) -> int | None:
    if text.isdecimal() and len(text) <= _MAX_DECIMALS:
        return int(text)
    number = amount(text[:TEXT_MAX_CHARS])
    return None if number is None else _whole(number)


def read_object(value: AnyValue) -> dict[str, PlainValue]:
    """A JSON object in text, or a structured value; empty when it is neither, or longer than is looked at."""
    text = value.string_value
    if not text:
        found = plain(value) if value.HasField("kvlist_value") else None
    elif len(text) > _JSON_MAX_CHARS:
        return {}
    else:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}


def text_at(found: PlainValue, paths: Sequence[str]) -> str | None:
    """The short text at the first of these dotted paths that leads to one."""
    texts = (text for path in paths if isinstance(text := _at(found, path), str) and text)
    return next((text[:TEXT_MAX_CHARS] for text in texts), None)


def count_at(found: PlainValue, paths: Sequence[str]) -> int | None:
    """The count at the first of these dotted paths that leads to one."""
    return next((number for path in paths if (number := count(_at(found, path))) is not None), None)


def amount_at(found: PlainValue, paths: Sequence[str]) -> float | None:
    """The amount at the first of these dotted paths that leads to one; `*` is the sum of all amounts."""
    for path in paths:
        number = _sum(found) if path == "*" else amount(_at(found, path))
        if number is not None:
            return number
    return None


def _at(found: PlainValue, path: str) -> PlainValue:
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _sum(found: PlainValue) -> float | None:
    amounts = [amount(item) for item in found.values()] if isinstance(found, dict) else []
    known = [number for number in amounts if number is not None]
    return amount(sum(known)) if known else None
