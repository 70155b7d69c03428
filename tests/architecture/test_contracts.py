"""Every import contract holds, and every one of them would say so if it did not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.house import REPOSITORY, project, rooms

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
CONTRACTS = {contract["name"]: contract for contract in project()["tool"]["importlinter"]["contracts"]}
Violated = tuple[dict[str, str], int, dict[str, str]]
"""Planted module by contract, exit code, and what lint-imports says by broken contract."""
# One deliberate violation for each contract: where it is planted, and what is imported there.
PLANTS = {
    "Rooms import only downwards; rooms side by side never meet": ("scheduler", "collector"),
    "The collector never analyses": ("collector", "analysis.facts"),
    "The engine sees only the store's reading door": ("engine", "store.backends"),
    "Other rooms see only the engine's public modules": ("scheduler", "engine.llm"),
    "SQLite lives in store": ("scheduler", "sqlite3"),
    "The model client lives in engine": ("analysis", "openai"),
    "A model's code runs in engine": ("scheduler", "pydantic_monty"),
    "gRPC and HTTP servers live in collector and api": ("scheduler", "grpc"),
    "Templates live in rendering": ("cli", "jinja2"),
    "Compression lives in store and collector": ("scheduler", "zstandard"),
    "Cron arithmetic lives in scheduler": ("api", "cronsim"),
    "The command line and YAML live in cli": ("api", "yaml"),
    "Metrics are declared in telemetry": ("store", "prometheus_client"),
    "JSON Schemas are judged in analysis": ("engine", "jsonschema"),
    "OTLP messages are reached through domain.otlp": ("store", "opentelemetry.proto.trace.v1.trace_pb2"),
    "The serving path never imports the analysis, the engine, openai or numpy": ("api", "numpy"),
    "Components never import each other": ("collector.exporters", "collector.receivers.otlp"),
    "Components are reached by name, never by import": ("cli", "analysis.detectors"),
}


def plant(tree: Path, contract: str) -> str:
    """Write the violation of a contract into a module of its own; the module's name."""
    package, imported = PLANTS[contract]
    name = "planted_" + re.sub(r"\W+", "_", contract).lower()
    (tree / package.replace(".", "/") / f"{name}.py").write_text(f"import {imported}\n")
    return f"{package}.{name}"


def lint(tree: Path) -> tuple[int, str]:
    """Exit code and output of lint-imports over a copy of the rooms."""
    environment = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return answer.returncode, answer.stdout + answer.stderr


def broken(output: str) -> dict[str, str]:
    """What lint-imports says below the name of each broken contract."""
    _, _, details = output.partition("Broken contracts")
    found: dict[str, str] = {}
    name = ""
    for line in details.splitlines():
        name = line if line in CONTRACTS else name
        found[name] = found.get(name, "") + line + "\n"
    return {name: text for name, text in found.items() if name}


@pytest.fixture(scope="module")
def violated(tmp_path_factory: pytest.TempPathFactory) -> Violated:
    """Every contract violated at once in a copy of the rooms, and what lint-imports says of it."""
    tree = tmp_path_factory.mktemp("house")
    for room in rooms():
        shutil.copytree(REPOSITORY / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tree)
    planted = {contract: plant(tree, contract) for contract in PLANTS}
    code, output = lint(tree)
    return planted, code, broken(output)


def test_the_rooms_keep_every_contract() -> None:
    """What ARCHITECTURE.md draws is what the imports are."""
    code, output = lint(REPOSITORY)

    assert code == 0, output
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in output


def test_every_contract_has_a_planted_violation() -> None:
    """A contract that nobody has seen fail may not be looking at all."""
    assert set(PLANTS) == set(CONTRACTS)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_planted_violation_is_caught(violated: Violated, contract: str) -> None:
    """Each violation must be named under its own contract, so that no contract lives on the back of another."""
    planted, code, said = violated

    assert code == 1
    assert planted[contract] in said.get(contract, "")
