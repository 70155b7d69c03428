"""Documentation that cannot lie: what the code has, the docs name, and nothing is named that is not there."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from api.health import Config as HealthConfig
from api.server import Config as ApiConfig
from cli.config import AnalysisConfig, LoggingConfig, load_config
from cli.main import halo
from cli.offline import analyse
from cli.stopping import ShutdownConfig
from collector.delivery import DeliveryConfig
from domain.component import component_types, load_component
from scheduler.scheduler import Config as SchedulerConfig
from telemetry.exposition import exposition
from tests.architecture.house import REPOSITORY, repository_files
from tests.architecture.test_components import nested_models

DOCS = REPOSITORY / "docs"
ENVIRONMENT = {"BACKEND_TOKEN": "t", "HALO_HASH_KEY": "k"}  # what the pages' configurations take from it
PAGES = [path for path in repository_files() if path.suffix == ".md"]
SECTIONS = {
    "scheduler": SchedulerConfig,
    "analysis": AnalysisConfig,
    "delivery": DeliveryConfig,
    "api": ApiConfig,
    "health": HealthConfig,
    "logging": LoggingConfig,
    "shutdown": ShutdownConfig,
    "store": load_component("store.backends", "sqlite").Config,
    **{
        f"{kind}.{name}": load_component(f"collector.{kind}", name).Config
        for kind in ("receivers", "processors", "forwarders", "exporters")
        for name in component_types(f"collector.{kind}")
    },
}


def leaves(model: type[BaseModel], path: str) -> Iterator[str]:
    """The paths of a model's settings; a field that holds a model stands for that model's fields."""
    for name, field in model.model_fields.items():
        inner = list(nested_models(field.annotation))
        for each in inner:
            yield from leaves(each, f"{path}.{name}")
        if not inner:
            yield f"{path}.{name}"


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that can be typed, groups left out."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, f"{path} {name}")
    else:
        yield path, command


def test_the_generated_pages_are_current() -> None:
    """`make docs` was forgotten, or a page was edited by hand."""
    answer = subprocess.run(
        [sys.executable, "scripts/docs.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
    )

    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_is_documented(section: str) -> None:
    """A setting nobody can find is a setting nobody has."""
    text = (DOCS / "configuration.md").read_text()

    assert [path for path in leaves(SECTIONS[section], section) if f"`{path}`" not in text] == []


@pytest.mark.parametrize("name", component_types("analysis.detectors"))
def test_every_detector_is_documented_with_its_settings(name: str) -> None:
    """What a finding counts must be there to read when somebody doubts it."""
    text = (DOCS / "detectors.md").read_text()
    _, _, section = text.partition(f"\n## {name}\n")
    section = section.partition("\n## ")[0]

    assert section
    for field in load_component("analysis.detectors", name).Config.model_fields:
        assert f"`{field}`" in section


def test_every_command_and_option_is_documented() -> None:
    """The page is for reading, `--help` for looking up; both have all of it."""
    text = (DOCS / "commands.md").read_text()
    missing = []
    for path, command in commands(halo, "halo"):
        shown = path if f" {path}\n" in text else "halo TRACES.jsonl"
        _, _, section = text.partition(f"# {shown}\n")
        section = section.partition("\n#")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden and parameter.opts[0] not in section:
                missing.append(f"{path} {parameter.opts[0]}")
        if not section:
            missing.append(path)

    assert missing == []


def test_every_metric_is_documented() -> None:
    """An operator reads the page before writing an alert."""
    text = (DOCS / "metrics.md").read_text()
    exposed = set(re.findall(r"^# HELP (\S+) ", exposition().decode(), re.MULTILINE))

    assert len(exposed) > 10
    assert {name for name in exposed if f"`{name}`" not in text and f"`{name}_total`" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """A dead link is the first thing a newcomer finds."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_configuration_in_a_page_is_one(page: Path, tmp_path: Path) -> None:
    """What is copied from the docs must start."""
    for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)):
        path = Path(tmp_path / f"{number}.yaml")
        path.write_text(block)

        assert load_config([path], data_dir=tmp_path / "data", environment=ENVIRONMENT).data_dir == tmp_path / "data"


def test_the_readme_shows_the_two_commands() -> None:
    """Somebody with five minutes reads nothing else."""
    readme = (REPOSITORY / "README.md").read_text()

    assert "make demo" in readme
    assert "halo serve" in readme
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in readme


def written_commands() -> list[str]:
    """The `halo …` lines in the console blocks of all pages, comments left out."""
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    ]
    lines = [line for block in blocks for line in block.splitlines()]
    return sorted({line[2:].partition("  ")[0].strip() for line in lines if line.startswith("$ halo ")})


@pytest.mark.parametrize("line", written_commands())
def test_every_command_line_of_a_page_can_be_typed(line: str) -> None:
    """People copy what they read."""
    words = shlex.split(line)[1:]
    command: click.Command = halo
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(click.Context(command), name)
        if found is None and command is halo:
            found = analyse
        assert found is not None, name
        command = found
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}

    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known | {"--help"}


def test_the_shipped_configuration_is_one(tmp_path: Path) -> None:
    """It is the file people start from, so it may name only what exists."""
    config = load_config([REPOSITORY / "halo.yaml"], data_dir=tmp_path, environment={})

    assert [receiver.id for receiver in config.receivers] == ["otlp"]
