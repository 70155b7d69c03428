"""What may be imported where, beyond what the import contracts can say."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.architecture.house import REPOSITORY, imported_names, module_name, product_files, project, rooms

LOADER = "domain.component"


def test_the_only_importlib_is_in_the_component_loader() -> None:
    """Two loaders would be two rules for what a component is."""
    users = {module_name(path) for path in product_files() if "importlib" in set(imported_names(path))}

    assert users == {LOADER}


def test_product_code_imports_neither_tests_nor_examples() -> None:
    """They are not in the wheel."""
    outside = {"tests", "examples", "bench", "scripts"}
    users = {
        f"{module_name(path)} -> {name}"
        for path in product_files()
        for name in imported_names(path)
        if name.partition(".")[0] in outside
    }

    assert users == set()


def test_every_room_is_linted_typed_and_has_a_floor() -> None:
    """A room that one of the tools does not know is a room without rules."""
    layers = project()["tool"]["importlinter"]["contracts"][0]["layers"]
    on_floors = {room.strip() for layer in layers for room in layer.split("|")}

    assert set(rooms()) == {path.parent.name for path in REPOSITORY.glob("*/py.typed")}
    assert set(rooms()) == set(project()["tool"]["importlinter"]["root_packages"])
    assert set(rooms()) <= set(project()["tool"]["mypy"]["files"])
    assert set(rooms()) == on_floors
    assert set(rooms()) <= {line.removeprefix("!") for line in (REPOSITORY / ".dockerignore").read_text().splitlines()}


@pytest.mark.parametrize("absent", ["openai", "numpy", "analysis", "engine"])
def test_the_receiving_process_never_loads(absent: str) -> None:
    """An import that costs 100 MB or a second of start-up would be paid by every pod."""
    program = f"import sys, cli.main, cli.serve; print({absent!r} in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )

    assert (answer.stdout.strip(), answer.stderr) == ("False", "")


def test_every_library_that_is_imported_is_declared() -> None:
    """What only comes along with something else goes away with it, too."""
    wanted = project()["project"]["dependencies"]
    declared = {re.split(r"[<>=!~;\[ ]", each)[0].lower().replace("_", "-") for each in wanted}
    providers = packages_distributions()
    imported = {name.partition(".")[0] for path in product_files() for name in imported_names(path)}
    libraries = imported - sys.stdlib_module_names - set(rooms())

    # pydantic pins pydantic-core to one version: declaring it would be a second place for that. pydantic-monty, which
    # is declared, has no code of its own: it brings the module and the program that the module runs, of one version.
    undeclared = {
        name
        for name in libraries - {"pydantic_core", "pydantic_monty"}
        if not {each.lower().replace("_", "-") for each in providers.get(name, [])} & declared
    }
    assert undeclared == set()
