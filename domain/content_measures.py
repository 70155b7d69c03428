"""What a span says of itself in single values that only some spans carry: cached tokens, cost, limits, its task."""

from collections.abc import Mapping
from typing import NamedTuple

from domain.dialects import DETAILS, FIELDS
from domain.dialects_fields import amount_of_field, count_of_field, text_of_field
from domain.otlp import KeyValue

_FIELDS = ("cache_read_tokens", "cost_usd", "max_steps", "task")
_KEYS: Mapping[str, frozenset[str]] = {
    field: frozenset((*FIELDS[field], *(key for key, (_, paths) in DETAILS.items() if field in paths)))
    for field in _FIELDS
}
MEASURED = frozenset().union(*_KEYS.values())
"""Every key that may hold one of these values."""


class Measures(NamedTuple):
    """Single values of a span; None where it says nothing."""

    cached_tokens: int | None = None  # input tokens that the provider read from its cache
    cost_usd: float | None = None
    max_steps: int | None = None
    task: str | None = None


_NOTHING = Measures()


def measures_in(values: Mapping[str, KeyValue]) -> Measures:
    """The values among a span's attributes, whatever its dialect (`domain.dialects`)."""
    if MEASURED.isdisjoint(values):
        return _NOTHING
    said = {key: values[key].value for key in MEASURED.intersection(values)}
    cached, cost, steps, task = (not _KEYS[field].isdisjoint(said) for field in _FIELDS)
    return Measures(
        count_of_field(said, "cache_read_tokens") if cached else None,
        amount_of_field(said, "cost_usd") if cost else None,
        count_of_field(said, "max_steps") if steps else None,
        text_of_field(said, "task") if task else None,
    )
