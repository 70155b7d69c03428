"""The tools a span declares, read once for each distinct text.

Agents repeat the same tool definitions on every LLM span of every turn, so parsed definitions are kept.
Accepted shapes: OpenAI's `{"type": "function", "function": {...}}`, its flat Responses form, Anthropic's
`input_schema`, `inputSchema`, Gemini's `function_declarations`, and a bare JSON Schema whose `title` is the
tool's name.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from domain.content_json import read_json
from domain.otlp import AnyValue, KeyValue, PlainValue, plain

_MANAGED_NAME = re.compile(r"smolagents\.managed_agents\.\d+\.name")
_SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "parameters_json_schema", "schema")
_REQUEST_KEYS = ("tools", "functions", "function_tools", "output_tools")
_REQUEST_MARKS = ('tools":', 'functions":')  # the endings of those keys: a long text is searched twice, not four times
_MAX_TOOLS = 2_000
_MAX_SCHEMA_DEPTH = 20
_NAME_MAX_CHARS = 200
_KEPT_MAX_CHARS = 32 * 1024


class DeclaredTool(NamedTuple):
    """A tool an LLM may call; `schema` is the JSON Schema of its arguments, None when only the name is known.

    `digest` identifies the schema ("" without one), so that a compiled form can be kept by it.
    """

    name: str
    schema: Mapping[str, PlainValue] | None = None
    digest: str = ""


def tools_of(text: str) -> tuple[DeclaredTool, ...]:
    """The tools in a JSON text that holds one definition or a list of them; () when it holds none."""
    return _kept(text) if len(text) <= _KEPT_MAX_CHARS else _read(text)


def _read(text: str) -> tuple[DeclaredTool, ...]:
    try:
        return tools_in(json.loads(text))
    except (ValueError, RecursionError):
        return ()


_kept = lru_cache(maxsize=2_048)(_read)


def flat_tools(items: tuple[tuple[str, str], ...]) -> Mapping[str, DeclaredTool]:
    """The tools in flattened attributes, by name: pairs of `llm.tools.N.tool.{json_schema,name}` and the value.

    OpenLLMetry's older `llm.request.functions.N.{name,description,parameters}` read the same. A name alone
    declares a tool without schema.
    """
    is_small = sum(len(text) for _, text in items) <= _KEPT_MAX_CHARS
    return _kept_flat(items) if is_small else _read_flat(items)


def _read_flat(items: tuple[tuple[str, str], ...]) -> Mapping[str, DeclaredTool]:
    said: dict[str, dict[str, str]] = {}
    for key, text in sorted(items):
        tool, _, word = key.rpartition(".")
        said.setdefault(tool, {})[word] = text
    tools: dict[str, DeclaredTool] = {}
    for one in said.values():
        declared = tools_of(one["json_schema"]) if "json_schema" in one else ()
        if not declared and one.get("name") and one.get("parameters"):
            declared = tools_in({"name": one["name"], "parameters": _object(one["parameters"])})
        tools.update((tool.name, tool) for tool in declared)
        if not declared and one.get("name"):
            tools.setdefault(one["name"], DeclaredTool(one["name"][:_NAME_MAX_CHARS]))
    return tools


def _object(text: str) -> PlainValue:
    found = read_json(text)
    return None if found is None or found.is_cut else found.value


_kept_flat = lru_cache(maxsize=256)(_read_flat)


def tools_in(found: PlainValue) -> tuple[DeclaredTool, ...]:
    """The tools in a parsed definition or a list of them; items that are no definition are left out."""
    tools: list[DeclaredTool] = []
    pending: list[PlainValue] = found[::-1] if isinstance(found, list) else [found]
    while pending and len(tools) < _MAX_TOOLS:
        item = pending.pop()
        if isinstance(item, str) and item.startswith("{"):
            tools.extend(tools_of(item))
        elif isinstance(item, dict):
            many = item.get("function_declarations", item.get("functionDeclarations"))
            if isinstance(many, list):
                pending.extend([_lower_types(one) for one in many[::-1]])
            elif (tool := _tool(item)) is not None:
                tools.append(tool)
    return tuple(tools)


def _lower_types(schema: PlainValue, depth: int = 0) -> PlainValue:
    """Gemini's schema as JSON Schema: the same words, with types in upper case."""
    if depth > _MAX_SCHEMA_DEPTH:
        return schema
    if isinstance(schema, list):
        return [_lower_types(item, depth + 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else _lower_types(value, depth + 1)
        for key, value in schema.items()
        if value is not None
    }


def request_tools(text: str) -> tuple[DeclaredTool, ...] | None:
    """The tools among a request's settings in a JSON text; None when it does not speak of tools."""
    if text[:1] != "{" or not (_REQUEST_MARKS[0] in text or _REQUEST_MARKS[1] in text):
        return None
    return _kept_request(text) if len(text) <= _KEPT_MAX_CHARS else _read_request(text)


def _read_request(text: str) -> tuple[DeclaredTool, ...] | None:
    found = read_json(text)
    if found is None or not isinstance(found.value, dict):
        return None
    config = found.value.get("config")
    told: list[PlainValue] | None = None
    for place in (found.value, config if isinstance(config, dict) else {}):
        for key in _REQUEST_KEYS:
            if isinstance(listed := place.get(key), list):
                told = [*(told or ()), *listed]
    return None if told is None else tools_in(told)


_kept_request = lru_cache(maxsize=256)(_read_request)


def _tool(item: Mapping[str, PlainValue]) -> DeclaredTool | None:
    inner = item.get("function")
    if isinstance(inner, dict):
        item = inner
    schema: PlainValue = next((item[key] for key in _SCHEMA_KEYS if isinstance(item.get(key), dict)), None)
    name = item.get("name")
    if name is None and isinstance(item.get("properties"), dict):
        name, schema = item.get("title"), dict(item)
    if not isinstance(name, str) or not name:
        return None
    if not isinstance(schema, dict):
        return DeclaredTool(name[:_NAME_MAX_CHARS])
    try:
        encoded = json.dumps(schema, sort_keys=True).encode()
    except (ValueError, RecursionError):
        return DeclaredTool(name[:_NAME_MAX_CHARS])
    return DeclaredTool(name[:_NAME_MAX_CHARS], schema, blake2b(encoded, digest_size=16).hexdigest())


def names_in(value: AnyValue) -> list[str]:
    """Names in a list, structured or as JSON text; [] for anything else."""
    try:
        found = json.loads(value.string_value) if value.string_value else plain(value)
    except (ValueError, RecursionError):
        return []
    return [item for item in found if isinstance(item, str) and item] if isinstance(found, list) else []


def managed_names(items: Iterable[KeyValue]) -> tuple[str, ...]:
    """The names of managed agents among flattened attributes (smolagents), in the order of their keys."""
    named = sorted((item.key, item.value.string_value) for item in items if _MANAGED_NAME.fullmatch(item.key))
    return tuple(name for _, name in named if name)
