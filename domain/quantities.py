"""Durations and sizes as people write them in halo.yaml: `30d`, `1h30m`, `250ms`, `4GiB`, `512KB`.

`Duration` and `Size` are field types for any `Config`; plain numbers count as seconds and bytes. Values are
printed in the same notation that is read.
"""

import math
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b)?", re.IGNORECASE)


def parse_duration(value: object) -> timedelta:
    """A duration from text such as `1h30m`, or from seconds; ValueError says what is accepted."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return _within_range(float(value))
    if isinstance(value, str):
        text = value.replace(" ", "").lower()
        if _DURATION.fullmatch(text):
            return _within_range(sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text)))
        if text.isascii() and text.isdecimal():
            return _within_range(float(text))
    raise ValueError(f"{value!r} is no duration; write a number and a unit (ms, s, m, h, d, w), e.g. 10s or 1h30m")


def _within_range(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{seconds:g} seconds is longer than any duration may be") from None


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads as the same duration, to the millisecond."""
    left = round(value.total_seconds() * 1_000)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(value: object) -> int:
    """A number of bytes from text such as `4GiB`, or from an integer; ValueError says what is accepted."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return round(float(match[1]) * _BYTES[(match[2] or "b").lower()])
    raise ValueError(f"{value!r} is no size; write a number and a unit (B, KB, MB, GB, KiB, MiB, GiB), e.g. 64MiB")


def format_size(value: int) -> str:
    """The text that `parse_size` reads as the same number of bytes, in the largest binary unit that divides it."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if value and value % _BYTES[unit.lower()] == 0:
            return f"{value // _BYTES[unit.lower()]}{unit}"
    return f"{value}B"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "examples": ["250ms", "10s", "1h30m", "30d"]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["64MiB", "4GiB"]}),
]
