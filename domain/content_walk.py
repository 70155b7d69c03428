"""A span's keys, walked once: the values under known keys, and the flattened ones by what they begin with.

A history may be hundreds of attributes, so of it only its place among them and the ids it answers are kept.
"""

from collections.abc import Iterable
from typing import NamedTuple

from domain import content_fields as fields
from domain.otlp import KeyValue

HISTORY, PROMPTS, OUTPUT, COMPLETION = "llm.input_", "gen_ai.pro", "llm.output", "gen_ai.com"
TOOLS, FUNCTIONS, MANAGED = "llm.tools.", "llm.reques", "smolagents"
VERDICTS = frozenset(("evaluation", "annotation", "trace.eval", "trace.anno", "session.ev", "session.an"))
_PREFIX_CHARS = 10  # that tell flattened attributes apart
_PREFIXES = VERDICTS | {HISTORY, PROMPTS, OUTPUT, COMPLETION, TOOLS, FUNCTIONS, MANAGED}
_PROMPT_KEY = "gen_ai.prompt."


class FlatPlace(NamedTuple):
    """Where the flattened history stands among a span's attributes, and how many of them tell a message's role."""

    first: int = 0
    end: int = 0
    keys: int = 0
    roles: int = 0


class Walked(NamedTuple):
    """Values by known key, flattened attributes by the beginning of their keys, and the place of the history."""

    values: dict[str, KeyValue]
    flat: dict[str, list[KeyValue]]
    place: FlatPlace


_NOWHERE = FlatPlace()


def walked(attributes: Iterable[KeyValue]) -> Walked:
    """The attributes sorted; no value is opened."""
    known = fields.KNOWN
    values: dict[str, KeyValue] = {}
    flat: dict[str, list[KeyValue]] = {}
    first, last, keys, roles = 0, -1, 0, 0
    for at, item in enumerate(attributes):
        key = item.key
        if key in known:
            values[key] = item
            continue
        prefix = key[:_PREFIX_CHARS]
        if prefix not in _PREFIXES:
            continue
        if prefix == HISTORY or (prefix == PROMPTS and key.startswith(_PROMPT_KEY)):
            first, last, keys = first if keys else at, at, keys + 1
            if key[-5:] == ".role":
                roles += 1
            if not key.endswith(".tool_call_id"):
                continue
            prefix = HISTORY
        elif prefix == PROMPTS:
            continue
        if prefix in flat:
            flat[prefix].append(item)
        else:
            flat[prefix] = [item]
    return Walked(values, flat, FlatPlace(first, last + 1, keys, roles) if keys else _NOWHERE)
