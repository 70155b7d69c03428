"""The arguments of a tool call as an executed tool's span recorded them.

Frameworks wrap them: smolagents records `{"args": [], "sanitize_inputs_outputs": …, "kwargs": {…}}` as the
tool's input, and the arguments are the keyword ones; LangChain's tracers record `{"input": "{'city': 'Paris'}"}`,
a dict as Python prints it, and OpenLLMetry puts what it knows of the call beside its `inputs`.
"""

import ast
import json
import re
import warnings
from typing import NamedTuple

from domain.otlp import PlainValue

_WRAPPER_KEYS = frozenset(("args", "kwargs", "sanitize_inputs_outputs"))
_CALLBACK_KEYS = frozenset(("input_str", "inputs", "kwargs", "metadata", "tags"))
_PRINTED_MAX_CHARS = 16 * 1024
_PRINTED_ESCAPES = frozenset("\\'\"nrtxuU")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
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
        value = None if recorded.stated_json else _printed(recorded.text)
        if value is None:
            return ToolArguments(None, False)
    if not recorded.stated_json and isinstance(value, dict):
        value = _called_with(value)
    return ToolArguments({} if value is None else _unwrapped(value, recorded.parameters), True)


def _called_with(value: dict[str, PlainValue]) -> PlainValue:
    """The arguments inside what a LangChain callback was told of a call, or the value itself."""
    if "input_str" in value and value.keys() <= _CALLBACK_KEYS:
        inputs = value.get("inputs")
        return inputs if isinstance(inputs, dict) else _object_of(value["input_str"]) or value
    return (_object_of(value["input"]) or value) if len(value) == 1 and "input" in value else value


def _object_of(text: PlainValue) -> PlainValue:
    """The object in a text, as JSON or as Python prints it; None when it is neither."""
    if not isinstance(text, str) or not text.startswith("{"):
        return None
    try:
        found: PlainValue = json.loads(text)
    except (ValueError, RecursionError):
        return _printed(text)
    return found if isinstance(found, dict) else None


def _printed(text: str) -> PlainValue:
    """The dict that a text is in Python's own notation, as JSON would have it; None for any other text.

    Only literals are read (`ast.literal_eval`); nothing of the text is ever run.
    """
    if text[:1] != "{" or text[-1:] != "}" or len(text) > _PRINTED_MAX_CHARS:
        return None
    if not _PRINTED_ESCAPES.issuperset(_ESCAPE.findall(text)):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ast.literal_eval(text)
        value: PlainValue = json.loads(json.dumps(found))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


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
