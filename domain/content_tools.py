"""The tools a span declares, read once for each distinct text.

Agents repeat the same tool definitions on every LLM span of every turn, so parsed definitions are kept.
Accepted shapes: OpenAI's `{"type": "function", "function": {...}}`, its flat Responses form, Anthropic's
`input_schema`, `inputSchema`, Gemini's `function_declarations`, and a bare JSON Schema whose `title` is the
tool's name.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from domain.otlp import PlainValue

_SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "parameters_json_schema", "schema")
_MAX_TOOLS = 2_000
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

    A name alone declares a tool without schema.
    """
    is_small = sum(len(text) for _, text in items) <= _KEPT_MAX_CHARS
    return _kept_flat(items) if is_small else _read_flat(items)


def _read_flat(items: tuple[tuple[str, str], ...]) -> Mapping[str, DeclaredTool]:
    said: dict[str, dict[str, str]] = {}
    for key, text in items:
        tool, _, word = key.rpartition(".")
        said.setdefault(tool, {})[word] = text
    tools: dict[str, DeclaredTool] = {}
    for one in said.values():
        declared = tools_of(one["json_schema"]) if "json_schema" in one else ()
        tools.update((tool.name, tool) for tool in declared)
        if not declared and one.get("name"):
            tools.setdefault(one["name"], DeclaredTool(one["name"][:_NAME_MAX_CHARS]))
    return tools


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
                pending.extend(many[::-1])
            elif (tool := _tool(item)) is not None:
                tools.append(tool)
    return tuple(tools)


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
