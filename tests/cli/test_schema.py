"""`halo schema`: what editors are told is what `halo serve` takes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from cli.main import halo
from cli.schema import config_schema
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
]


def problems(text: str) -> list[str]:
    found = Draft202012Validator(config_schema()).iter_errors(yaml.safe_load(text))
    return [error.message for error in found]


def test_it_is_a_schema_and_is_printed() -> None:
    """An editor that cannot read it says nothing."""
    printed = json.loads(CliRunner().invoke(halo, ["schema"]).output)
    Draft202012Validator.check_schema(printed)

    assert printed == config_schema()


@pytest.mark.parametrize("block", [pytest.param((REPOSITORY / "halo.yaml").read_text(), id="halo.yaml"), *BLOCKS])
def test_what_we_show_is_valid(block: str) -> None:
    """What is copied from the docs must not be underlined."""
    assert problems(block) == []


@pytest.mark.parametrize(
    "text",
    [
        "receivers: {otlp: {protocols: {grpc: {max_request_bytes: '${env:LIMIT:-64MiB}'}}}}",
        "receivers: {otlp: {protocols: {grpc: null, http: {}}}}",
        "receivers: {otlp/second: null}\nprocessors:\nlogging: {level: '${LEVEL}'}",
        "processors: {my.module.stamp: {anything: [1]}}",
        "processors: {memory_limiter: {limit_percentage: '${file:/run/limit}'}}",
        "store: {backend: sqlite, retention: {max_age: 3600}}",
    ],
)
def test_references_nulls_and_modules_of_ones_own_are_valid(text: str) -> None:
    """They are what a deployment is made of."""
    assert problems(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "reciever: {}",
        "receivers: {kafka: {}}",
        "receivers: {otlp: {protocols: {grpc: {endpont: x}}}}",
        "processors: {redact: {secrets: maybe}}",
        "forwarders: {otlp_grpc: {timeout: [1]}}",
        "exporters: {webhook: {format: fax, url: 'http://x'}}",
        "store: {retention: {max_age: {}}}",
        "scheduler: {concurrent: 1}",
        "api: {endpoint: 1}",
        "health: {port: 1}",
        "logging: {level: loud}",
        "shutdown: {linger: []}",
        "analysis: {detector: {}}",
        "delivery: {attempt: 1}",
    ],
)
def test_a_slip_in_any_section_is_not(text: str) -> None:
    """A schema that accepts everything helps nobody."""
    assert problems(text) != []


def test_the_first_line_of_halo_yaml_names_it(tmp_path: Path) -> None:
    """So that it helps without anybody setting anything up."""
    first = (REPOSITORY / "halo.yaml").read_text().splitlines()[0]
    found: Any = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)

    assert json.loads((REPOSITORY / found[1]).read_text()) == config_schema()
