"""Settings as Markdown tables, from the Config models that read them."""

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pages.tables import cell, code, table


class Setting(NamedTuple):
    """One setting: where it stands in halo.yaml, its default as written there, and what it does."""

    path: str
    default: str
    description: str


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[Setting]:
    """Every setting of a model and of the models in it; the fields of those stand under the field's name."""
    for name, field in model.model_fields.items():
        path = f"{prefix}.{name}".removeprefix(".")
        inner = inner_model(field.annotation)
        if inner is None:
            yield Setting(path, default_text(field), field.description or "")
        else:
            yield from settings(inner, path)


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model of a field that holds one, or null, or a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, Annotated, tuple):
        found = [inner_model(each) for each in get_args(annotation)]
        return next((each for each in found if each is not None), None)
    return None


def default_text(field: FieldInfo) -> str:
    """The default of a field as halo.yaml would say it; `required` without one."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    written = TypeAdapter[Any](field.rebuild_annotation()).dump_python(value, mode="json")
    return written if isinstance(written, str) else json.dumps(written)


def settings_table(rows: Iterator[Setting] | list[Setting]) -> str:
    """Settings as a table."""
    return table(
        ("setting", "default", "what it does"),
        ((code(row.path), code(row.default), cell(row.description)) for row in rows),
    )
