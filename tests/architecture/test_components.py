"""A component is a file, and its file name is its type."""

import ast
import inspect
from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel

from domain.component import ComponentConfig, component_types, load_component
from tests.architecture.house import COMPONENT_KINDS, REPOSITORY

COMPONENTS = [(kind, name) for kind in COMPONENT_KINDS for name in component_types(kind)]


def nested_models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in an annotation, through unions, containers and Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from nested_models(inner)


def undescribed(model: type[BaseModel], path: str) -> Iterator[str]:
    """The fields of a model, and of the models in it, that have no description."""
    for name, field in model.model_fields.items():
        if not field.description:
            yield f"{path}.{name}"
        for inner in nested_models(field.annotation):
            yield from undescribed(inner, f"{path}.{name}")


def test_every_kind_that_ships_has_components() -> None:
    """An empty kind would make every other test of this file pass by saying nothing."""
    assert set(COMPONENT_KINDS) >= {"collector.receivers", "collector.exporters", "analysis.detectors"}
    assert {kind for kind, _ in COMPONENTS} == set(COMPONENT_KINDS)


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_a_component_is_a_file_with_a_config_and_a_create(kind: str, name: str) -> None:
    """The loader, the generated docs and the next component's author rely on one shape."""
    module = load_component(kind, name)

    assert issubclass(module.Config, ComponentConfig)
    assert module.Config.__module__ == module.__name__, "a component's settings stand in its own file"
    assert module.Config.__doc__
    assert next(iter(inspect.signature(module.create).parameters)) == "config"
    assert inspect.getdoc(module.create)


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_a_component_says_in_its_first_line_what_it_is_for(kind: str, name: str) -> None:
    """The line is the component's entry in `halo components` and in the docs."""
    source = (REPOSITORY / kind.replace(".", "/") / f"{name}.py").read_text()
    docstring = ast.get_docstring(ast.parse(source))

    assert docstring
    first = docstring.splitlines()[0]
    assert len(first) > 20
    assert first.endswith((".", "?", "!"))


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_every_setting_of_a_component_is_described(kind: str, name: str) -> None:
    """The description is all that a person who writes halo.yaml has."""
    assert list(undescribed(load_component(kind, name).Config, f"{kind}.{name}")) == []


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_a_components_config_refuses_what_it_does_not_know(kind: str, name: str) -> None:
    """A misspelt setting that is ignored is a setting that silently keeps its default."""
    config = load_component(kind, name).Config

    assert config.model_config["extra"] == "forbid"
    assert config.model_config["frozen"]


@pytest.mark.parametrize("kind", COMPONENT_KINDS)
def test_a_kinds_folder_holds_components_and_nothing_else(kind: str) -> None:
    """What does not fit in a component's file goes outside the kind's folder, so that files and types are one list."""
    folder = REPOSITORY / kind.replace(".", "/")
    found = {path.name for path in folder.iterdir() if path.name != "__pycache__"}

    assert found - {"__init__.py"} == {f"{name}.py" for name in component_types(kind)}
