"""`halo schema`: a JSON Schema of halo.yaml, for editors that complete and check while one types."""

from collections.abc import Mapping
from typing import Any

import click

from cli.output import print_json

SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{"}
_SCALARS = frozenset(("integer", "number", "boolean"))
_NULL = {"type": "null"}


@click.command()
def schema() -> None:
    """Print the JSON Schema of halo.yaml.

    Editors with a YAML language server use it when the file says so in its first line:

    \b
    # yaml-language-server: $schema=./halo.schema.json
    """
    print_json(config_schema())


def config_schema() -> dict[str, Any]:
    """The schema of everything that halo.yaml may say; null means defaults, `${…}` may stand for any scalar."""
    from cli.config import BACKENDS, DEFAULT_BACKEND, MODELS
    from collector.pipeline import EXPORTERS, FORWARDERS, PROCESSORS, RECEIVERS
    from domain.component import load_component

    definitions: dict[str, Any] = {}
    sections: dict[str, Any] = {
        kind.rpartition(".")[2]: _components(kind, definitions)
        for kind in (RECEIVERS, PROCESSORS, FORWARDERS, EXPORTERS)
    }
    store = _model(load_component(BACKENDS, DEFAULT_BACKEND).Config, "store", definitions)
    store["properties"]["backend"] = {"type": "string", "default": DEFAULT_BACKEND, "description": "A type of store."}
    sections["store"] = _or_null(store)
    sections |= {name: _or_null(_model(model, name, definitions)) for name, model in MODELS.items()}
    return {
        "$schema": SCHEMA,
        "title": "halo.yaml",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
        "$defs": definitions,
    }


def _components(kind: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A section of components: `type` or `type/name`, and dotted module paths, which nobody can know."""
    from domain.component import component_types, load_component

    section = kind.rpartition(".")[2]
    known = {
        rf"^{name}(/.+)?$": _or_null(_model(load_component(kind, name).Config, f"{section}.{name}", definitions))
        for name in component_types(kind)
    }
    return _or_null({"type": "object", "patternProperties": {**known, r"^[^/]*\.": {}}, "additionalProperties": False})


def _model(model: Any, place: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A model's schema; the models in it become definitions under names of their own."""
    found = model.model_json_schema(ref_template=f"#/$defs/{place}.{{model}}")
    for name, inner in found.pop("$defs", {}).items():
        definitions[f"{place}.{name}"] = _relaxed(inner)
    return dict(_relaxed(found))


def _or_null(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(found), _NULL]}


def _relaxed(found: Any) -> Any:
    """The same, where a reference may stand for a number, a truth value or a word of a list."""
    if isinstance(found, list):
        return [_relaxed(each) for each in found]
    if not isinstance(found, dict):
        return found
    inner = {key: value if key in ("default", "examples", "enum") else _relaxed(value) for key, value in found.items()}
    kind = inner.get("type")
    if (isinstance(kind, str) and kind in _SCALARS) or "enum" in inner or "const" in inner:
        told = {key: inner.pop(key) for key in ("title", "description", "default") if key in inner}
        return {**told, "anyOf": [inner, _REFERENCE]}
    if "$ref" in inner or kind == "object":
        return {"anyOf": [inner, _NULL]} if "$ref" in inner else inner
    return inner
