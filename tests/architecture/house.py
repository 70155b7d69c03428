"""The house as the tests see it: its rooms, its kinds of components, its files."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
COMPONENT_KINDS = tuple(
    kind
    for kind in (
        "collector.receivers",
        "collector.processors",
        "collector.forwarders",
        "collector.exporters",
        "analysis.detectors",
        "engine.tools",
        "store.backends",
    )
    if (REPOSITORY / kind.replace(".", "/")).is_dir()
)


@cache
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def rooms() -> list[str]:
    """The packages that the wheel holds."""
    return list(project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def product_files() -> list[Path]:
    """Every Python file of every room."""
    return sorted(path for room in rooms() for path in (REPOSITORY / room).rglob("*.py"))


def module_name(path: Path) -> str:
    """The dotted name under which a file is imported."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def repository_files() -> list[Path]:
    """The files git tracks, and those it would: all but what .gitignore names."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := REPOSITORY / name).is_file()]
