"""Declared tool schemas, compiled to answer one question: what is wrong with these arguments?

Schemas come from outside. Each is compiled once and stripped of what can take unbounded time (patterns,
uniqueness, long chains of references) or reach out (remote references). A schema that still cannot be
compiled is checked at its top level only: a broken declaration says nothing against a call.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from domain.content_tools import DeclaredTool
from domain.masking import template

_MAX_REFERENCES = 20  # a reference can double the work of the next: 20 of them are a few thousand visits
_MAX_DEPTH = 40
_KEY_MAX_CHARS = 40
_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_OTHER_NAMES: Mapping[str, str] = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "dict": "object",
    "map": "object",
    "list": "array",
    "tuple": "array",
    "none": "null",
}
_LEFT_OUT = frozenset(
    [
        "pattern",
        "patternProperties",
        "propertyNames",
        "format",
        "uniqueItems",
        "default",
        "examples",
        "title",
        "description",
        "nullable",
        "id",
        "$schema",
        "$id",
        "$anchor",
        "$dynamicRef",
        "$dynamicAnchor",
        "$vocabulary",
        "contentSchema",
        "unevaluatedProperties",
        "unevaluatedItems",
    ]
)
_NAMED = frozenset(("properties", "$defs", "definitions", "dependentSchemas"))
_LITERAL = frozenset(("enum", "const", "required", "$ref", "type"))
_OPEN = frozenset(("allOf", "anyOf", "oneOf", "if", "$ref", "patternProperties", "dependentSchemas", "not"))


@dataclass(frozen=True)
class Declaration:
    """What a tool accepts; `names` is None when it accepts keys it does not name."""

    takes_object: bool
    required: tuple[str, ...]
    names: frozenset[str] | None
    errors: Callable[[object], Iterable[ValidationError]] | None

    def problem(self, value: object, *, deep: bool = True) -> str:
        """What is wrong with parsed arguments, "" when nothing is.

        The same mistake is the same text: "missing: k", "unexpected: k", "wrong type: k", "invalid value: k", with
        keys masked and shortened; `deep` looks inside the values too.
        """
        if self.takes_object:
            if not isinstance(value, dict):
                return "not an object"
            for key in self.required:
                if key not in value:
                    return f"missing: {_shown((key,))}"
            extra = () if self.names is None else sorted(value.keys() - self.names)
            if extra:
                return f"unexpected: {_shown(extra[:1])}"
        if not deep or self.errors is None:
            return ""
        try:
            error = min(self.errors(value), key=_place, default=None)
        except (Unresolvable, RecursionError):
            return ""
        return "" if error is None else _described(error)


def declaration(tool: DeclaredTool) -> Declaration | None:
    """The compiled schema of a tool; None when it declares no schema."""
    return None if tool.schema is None else _compiled(_Keyed(tool.digest, tool.schema))


class _Keyed:
    """A schema that is hashed by its digest, so that it is compiled once."""

    def __init__(self, digest: str, schema: Mapping[str, Any]) -> None:
        self.digest = digest
        self.schema = schema

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.digest == other.digest


@lru_cache(maxsize=2_048)
def _compiled(keyed: _Keyed) -> Declaration:
    schema = keyed.schema
    properties = schema.get("properties")
    required = schema.get("required")
    stated = schema.get("additionalProperties", False)
    is_closed = isinstance(properties, dict) and stated is False and not _OPEN & schema.keys()
    return Declaration(
        takes_object=_type(schema.get("type", "object")) in ("object", ["object", "null"], None),
        required=tuple(key for key in required if isinstance(key, str)) if isinstance(required, list) else (),
        names=frozenset(properties) if is_closed and isinstance(properties, dict) else None,
        errors=_validator(schema),
    )


def _validator(schema: Mapping[str, Any]) -> Callable[[object], Iterable[ValidationError]] | None:
    references: list[str] = []
    clean = _clean(schema, references, 0)
    if len(references) > _MAX_REFERENCES:
        return None
    try:
        Draft202012Validator.check_schema(clean)
    except (SchemaError, RecursionError):
        return None
    return Draft202012Validator(clean, registry=Registry()).iter_errors


def _clean(schema: object, references: list[str], depth: int) -> Any:
    """The schema without what is left out; local references are collected, others dropped."""
    if depth > _MAX_DEPTH:
        return {}
    if isinstance(schema, list):
        return [_clean(item, references, depth + 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    clean: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, dict):
            clean[key] = {name: _clean(inner, references, depth + 1) for name, inner in value.items()}
        elif key not in _LEFT_OUT and key not in _LITERAL:
            clean[key] = _clean(value, references, depth + 1)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        clean["$ref"] = reference
        references.append(reference)
    if isinstance(schema.get("required"), list):
        clean["required"] = [key for key in schema["required"] if isinstance(key, str)]
    clean.update({key: schema[key] for key in ("enum", "const") if key in schema})
    kind = _type(schema.get("type"))
    if kind is not None:
        clean["type"] = kind
    return _with_null(clean) if schema.get("nullable") is True else clean


def _type(stated: object) -> str | list[str] | None:
    """A JSON Schema type; what is none ("any", "image") restricts nothing."""
    if isinstance(stated, str):
        name = stated.lower()
        name = _OTHER_NAMES.get(name, name)
        return name if name in _TYPES else None
    if isinstance(stated, list):
        names = [_type(item) for item in stated]
        return [name for name in names if isinstance(name, str)] if names and None not in names else None
    return None


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "null"}, schema]} if schema.keys() & {"type", "enum", "const", "$ref"} else schema


def _place(error: ValidationError) -> tuple[str, ...]:
    return (*(str(part) for part in error.absolute_path), "", str(error.validator))


def _described(error: ValidationError) -> str:
    keys = [part for part in error.absolute_path if isinstance(part, str)]
    if error.validator == "required":
        required = error.validator_value if isinstance(error.validator_value, list) else []
        missing = [key for key in required if isinstance(error.instance, dict) and key not in error.instance]
        return f"missing: {_shown((*keys, *missing[:1]))}"
    if error.validator == "additionalProperties":
        return f"unexpected key in: {_shown(keys)}"
    is_type = error.validator == "type" or (
        error.validator in ("anyOf", "oneOf") and all(inner.validator == "type" for inner in error.context or ())
    )
    return f"{'wrong type' if is_type else 'invalid value'}: {_shown(keys)}"


def _shown(keys: Sequence[str]) -> str:
    """Keys as a problem names them: masked, short, and an empty one as two quotes."""
    return ".".join(template(key)[:_KEY_MAX_CHARS] or '""' for key in keys)
