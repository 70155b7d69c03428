"""Tool arguments: their canonical form, their keys, and whether they fit what the tool declares."""

import json
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from analysis.schemas import declaration
from domain.content_arguments import RecordedArguments, read_arguments
from domain.content_tools import DeclaredTool
from domain.otlp import PlainValue

NOT_JSON = "not JSON"
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_HASH_CHARS = 16
_KEY_MAX_CHARS = 60
_MAX_KEYS = 50
_MAX_DEEP_CHARS = 64 * 1024
_MIN_CUT_CHARS = 128
_KEPT_MAX_CHARS = 16 * 1024
_LIKE_CHARS = 2_000
_PASSING = frozenset(("call_id", "correlation_id", "idempotency_key", "nonce", "request_id", "requestid", "run_id")) | {
    *("seed", "span_id", "timestamp", "tool_call_id", "trace_id", "ts")
}
"""Names of arguments that differ from call to call and mean nothing for what is asked."""


class ArgumentFacts(NamedTuple):
    """What is kept of one call's arguments; empty text where they were not recorded."""

    hash: str
    keys: str
    problem: str
    chars: int | None
    idle: str = ""  # canonical JSON list of the keys that say nothing: their value is empty or the default
    text: str = ""  # the beginning of the canonical form, without what differs from call to call
    value: PlainValue = None  # parsed, where they are JSON


def text_hash(text: str) -> str:
    """A short hash of a text."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:_HASH_CHARS]


def argument_facts(recorded: RecordedArguments | None, tool: DeclaredTool | None) -> ArgumentFacts:
    """The facts of a call's arguments; `tool` is its declaration, where there is one.

    Without a promise of JSON the input may be any text, so only objects are held against the declaration.
    """
    if recorded is None:
        return ArgumentFacts("", "", "", None)
    text, stated = recorded.text, recorded.stated_json
    found = _described(recorded) if len(text) <= _KEPT_MAX_CHARS else _describe(recorded)
    problem = ""
    if tool is not None and tool.schema is not None:
        if not found.is_json:
            problem = NOT_JSON if stated and not looks_cut(text) else ""
        elif stated or isinstance(found.value, dict):
            problem = _problem(found.value, tool, len(text))
    return ArgumentFacts(found.hash, found.keys, problem, len(text), _idle(found.value, tool), found.text, found.value)


class _Described(NamedTuple):
    value: PlainValue
    is_json: bool
    hash: str
    keys: str
    text: str


def _describe(recorded: RecordedArguments) -> _Described:
    value, is_json = read_arguments(recorded)
    if not is_json:
        return _Described(None, False, text_hash(recorded.text), "", recorded.text[:_LIKE_CHARS])
    whole = canonical(value)
    lasting = whole
    if isinstance(value, dict) and any(key.lower() in _PASSING for key in value):
        lasting = canonical({key: told for key, told in value.items() if key.lower() not in _PASSING})
    return _Described(value, True, text_hash(whole), _keys(value), lasting[:_LIKE_CHARS])


_described = lru_cache(maxsize=512)(_describe)  # a call is seen twice, asked for and carried out, and loops repeat it


def canonical(value: PlainValue) -> str:
    """The canonical JSON of parsed arguments: keys sorted, no spaces."""
    try:
        return _ENCODE(value)
    except (ValueError, RecursionError):
        return ""


def looks_cut(text: str) -> bool:
    """Whether an exporter's attribute limit may have cut a text: its length is a power of two or a round thousand."""
    chars = len(text)
    return chars >= _MIN_CUT_CHARS and (chars & (chars - 1) == 0 or chars % 1_000 == 0)


def _keys(value: PlainValue) -> str:
    if not isinstance(value, dict):
        return ""
    return canonical([key[:_KEY_MAX_CHARS] for key in sorted(value)[:_MAX_KEYS]])


def _idle(value: PlainValue, tool: DeclaredTool | None) -> str:
    """The keys whose value is empty or what the tool takes when nothing is said."""
    if not isinstance(value, dict):
        return ""
    declared = tool.schema.get("properties") if tool is not None and tool.schema is not None else None
    defaults = declared if isinstance(declared, dict) else {}
    keys = [key for key in value if _says_nothing(value[key], defaults.get(key))]
    return canonical([key[:_KEY_MAX_CHARS] for key in sorted(keys)[:_MAX_KEYS]]) if keys else "[]"


def _says_nothing(value: PlainValue, declared: PlainValue) -> bool:
    if value is None or (isinstance(value, str | list | dict) and not value):
        return True
    if not isinstance(declared, dict) or "default" not in declared:
        return False
    default = declared["default"]
    return type(default) is type(value) and canonical(default) == canonical(value)


def _problem(value: PlainValue, tool: DeclaredTool, chars: int) -> str:
    declared = declaration(tool)
    return "" if declared is None else declared.problem(value, deep=chars <= _MAX_DEEP_CHARS)
