"""A tool's arguments between two worlds: as a JSON Schema that a model reads, and as the JSON that it writes.

What a model writes is often nearly right; what is wrong with it is said in one line, by argument and with what would be
right.
"""

import difflib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import ValidationError

from engine.answering import clean, plain
from engine.tooling import Arguments, ToolError

_MOST_PROBLEMS = 5
_SHOWN_CHARS = 60


def schema_of(arguments: type[Arguments]) -> dict[str, Any]:
    """JSON Schema of an object, without the titles that repeat its names."""
    schema: dict[str, Any] = _untitled(arguments.model_json_schema())
    schema.pop("description", None)
    return {**schema, "properties": schema.get("properties", {})}


def _untitled(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _untitled(part) for name, part in value.items()}
        if key in ("properties", "$defs")
        else value
        if key in ("default", "const", "enum", "examples")
        else _untitled(value)
        for key, value in schema.items()
        if key != "title"
    }


def read_arguments(tool: str, text: str) -> dict[str, Any]:
    """The JSON object that a model wrote; nothing at all is an empty one. ToolError: it is something else."""
    try:
        values = plain(json.loads(text.strip() or "{}", parse_constant=_no_number))
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise ToolError(f"the arguments of {tool} are not JSON ({why}); write one JSON object") from error
    if not isinstance(values, dict):
        raise ToolError(f"the arguments of {tool} are a JSON {_kind(values)}; write one JSON object")
    return values


def validated(tool: str, arguments: type[Arguments], values: Mapping[str, Any]) -> Arguments:
    """The arguments as the tool takes them; null where null is not known means the default.

    ToolError: one line with every problem and what is expected.
    """
    try:
        return arguments.model_validate(values)
    except ValidationError as error:
        left_out = {key for key in values if values[key] is None and not _required(arguments, key)}
        if left_out:
            return validated(tool, arguments, {key: value for key, value in values.items() if key not in left_out})
        problems = [_problem(arguments, found) for found in error.errors(include_url=False)]
    more = f"; and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
    raise ToolError(f"{tool}: {'; '.join(problems[:_MOST_PROBLEMS])}{more}. {_expected(arguments)}")


def _required(arguments: type[Arguments], name: str) -> bool:
    field = arguments.model_fields.get(name)
    return field is None or field.is_required()


def _problem(arguments: type[Arguments], found: Any) -> str:
    name = clean(".".join(str(part) for part in found["loc"]))[:_SHOWN_CHARS] or "the arguments"
    if found["type"] == "missing":
        return f"{name} is missing"
    if found["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, arguments.model_fields, 1)
        return f"{name} is no argument" + (f", {near[0]} is" if near else "")
    said = found["msg"].removeprefix("Value error, ")
    return f"{name}: {said[:1].lower()}{said[1:]}, not {_shown(found['input'])}"


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _expected(arguments: type[Arguments]) -> str:
    names = [name if field.is_required() else f"{name}?" for name, field in arguments.model_fields.items()]
    return f"It takes: {', '.join(names)}" if names else "It takes no arguments"


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "array"
    return "string" if isinstance(value, str) else "value"


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")
