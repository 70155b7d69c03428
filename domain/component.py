"""The one loader: a component is a file, and its file name is its type in halo.yaml.

A component module defines `Config`, a `ComponentConfig`, and `create`. A type with a dot names a module
outside the repository; that is also how tests inject faults.
"""

import importlib
import pkgutil
from types import ModuleType

from pydantic import BaseModel, ConfigDict

from domain.errors import ConfigError


class ComponentConfig(BaseModel):
    """What the user wrote for one component: frozen, unknown keys refused, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def component_type(component_id: str) -> str:
    """The type in a component id `type[/name]`: `webhook/slack` is a `webhook`."""
    return component_id.partition("/")[0]


def component_types(kind: str) -> list[str]:
    """The types a kind (`collector.exporters`) ships, sorted."""
    package = importlib.import_module(kind)
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.name[0] != "_")


def load_component(kind: str, component_id: str) -> ModuleType:
    """The module behind a component id of a kind; `ConfigError` names the types that exist."""
    wanted = component_type(component_id)
    if "." not in wanted and wanted not in component_types(kind):
        known = ", ".join(component_types(kind))
        raise ConfigError(f"{kind.rpartition('.')[2]}.{component_id}: unknown type {wanted!r}; use one of: {known}")
    try:
        module = importlib.import_module(wanted if "." in wanted else f"{kind}.{wanted}")
    except ModuleNotFoundError as error:
        raise ConfigError(f"{component_id}: no module {error.name!r}; install it or correct the type") from error
    missing = [name for name in ("Config", "create") if not hasattr(module, name)]
    if missing:
        raise ConfigError(f"{component_id}: module {module.__name__} lacks {' and '.join(missing)}")
    return module
