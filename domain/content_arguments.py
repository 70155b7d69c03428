"""The arguments of a tool call as an executed tool's span recorded them.

Frameworks wrap them: smolagents records `{"args": [], "sanitize_inputs_outputs": …, "kwargs": {…}}` as the
tool's input, and the arguments are the keyword ones.
"""

import json
from typing import NamedTuple

from domain.otlp import PlainValue

_WRAPPER_KEYS = frozenset(("args", "kwargs", "sanitize_inputs_outputs"))
POSITIONAL = "*args"  # stands for positional arguments whose names are unknown


class RecordedArguments(NamedTuple):
    """Arguments as text, the tool's own declaration of its parameters, and whether the emitter promised JSON."""

    text: str
    parameters: str | None = None
    stated_json: bool = True


class ToolArguments(NamedTuple):
    """Arguments as a JSON value, when the text `is_json`."""

    value: PlainValue
    is_json: bool


def read_arguments(recorded: RecordedArguments) -> ToolArguments:
    """The arguments in a text; no text and JSON null both mean a call without arguments."""
    if not recorded.text.strip():
        return ToolArguments({}, True)
    try:
        value: PlainValue = json.loads(recorded.text)
    except (ValueError, RecursionError):
        return ToolArguments(None, False)
    return ToolArguments({} if value is None else _unwrapped(value, recorded.parameters), True)


def _unwrapped(value: PlainValue, parameters: str | None) -> PlainValue:
    """The arguments inside smolagents' wrapper, or the value itself.

    Positional ones get the names of the tool's parameters, in order; a single object may stand for them all.
    """
    if not isinstance(value, dict) or not {"args", "kwargs"} <= value.keys() <= _WRAPPER_KEYS:
        return value
    positional, named = value["args"], value["kwargs"]
    if not isinstance(positional, list) or not isinstance(named, dict):
        return value
    if not positional:
        return named
    names = _parameter_names(parameters)
    first = positional[0]
    if len(positional) == 1 and not named and isinstance(first, dict) and first.keys() <= set(names):
        return first
    if len(positional) > len(names):
        return {POSITIONAL: positional, **named}
    return {**dict(zip(names, positional, strict=False)), **named}


def _parameter_names(parameters: str | None) -> list[str]:
    try:
        found = json.loads(parameters or "null")
    except (ValueError, RecursionError):
        return []
    if isinstance(found, dict) and isinstance(found.get("properties"), dict):
        found = found["properties"]
    return list(found) if isinstance(found, dict) else []
