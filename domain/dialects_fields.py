"""What a span says of one field, of all the keys that may hold it: the best plain one, else one inside JSON."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from domain.dialects import DETAILS, FIELDS
from domain.dialects_values import amount_at, count_at, read_amount, read_count, read_object, text_at, text_reader
from domain.otlp import AnyValue

_T = TypeVar("_T")
Said = Mapping[str, AnyValue]


def _plain(said: Said, field: str, reader: Callable[[str], Callable[[AnyValue], _T | None]]) -> _T | None:
    """What the best key of a field that holds something says; `reader` tells how a key is read."""
    found = (reader(key)(said[key]) for key in FIELDS[field] if key in said)
    return next((value for value in found if value is not None), None)


def _detailed(said: Said, field: str, look: Callable[[Any, tuple[str, ...]], _T | None]) -> _T | None:
    """What the first JSON value that knows the field says."""
    found = (
        look(read_object(said[key]), paths[field])
        for key, (_, paths) in DETAILS.items()
        if key in said and field in paths
    )
    return next((value for value in found if value is not None), None)


def text_of_field(said: Said, field: str) -> str | None:
    """The short text of a field; None when the span does not say it."""
    return _plain(said, field, text_reader) or _detailed(said, field, text_at)


def count_of_field(said: Said, field: str) -> int | None:
    """The count of a field, such as tokens; None when the span does not say it."""
    count = _plain(said, field, lambda _: read_count)
    return _detailed(said, field, count_at) if count is None else count


def amount_of_field(said: Said, field: str) -> float | None:
    """The amount of a field, such as money; None when the span does not say it."""
    amount = _plain(said, field, lambda _: read_amount)
    return _detailed(said, field, amount_at) if amount is None else amount
