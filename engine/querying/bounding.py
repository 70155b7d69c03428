"""Keeping lists within an answer's bytes: the first items that fit, and how many are left out."""

from collections.abc import Sequence
from typing import Any

from engine.querying.memory import size_of


def fitting(items: Sequence[Any], room_bytes: int) -> int:
    """How many of the first items fit, with a comma between each two."""
    used = 0
    for number, item in enumerate(items):
        used += size_of(item) + 1
        if used > room_bytes:
            return number
    return len(items)


def bounded(values: dict[str, Any], key: str, room_bytes: int, next_step: str) -> dict[str, Any]:
    """An answer whose list under a key is cut to fit; `left_out` then tells how many items are missing, and why."""
    items = values[key]
    rest = size_of({**values, key: []})
    kept = fitting(items, room_bytes - rest - 200)
    if kept == len(items):
        return values
    return {**values, key: items[:kept], "left_out": {"items": len(items) - kept, "next_step": next_step}}


def cut(text: str, most_chars: int) -> str:
    """A text's beginning, and how long it was when that is not all."""
    if len(text) <= most_chars:
        return text
    return f"{text[:most_chars]}... [HALO truncated: original {len(text)} chars]"
