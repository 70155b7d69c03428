"""The command as a whole: help, names, exit codes, and how little it loads."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from api.times import TimeRange
from api.traces import SORTS
from cli import findings, options, runs, schedules, traces
from cli.main import SECTIONS, halo
from cli.offline import analyse
from domain.report import FindingStatus, Severity
from domain.runs import (
    DEFAULT_LOOKBACK_HOURS,
    DEFAULT_MAX_SUBAGENT_DEPTH,
    DEFAULT_MAX_TURNS,
    DEFAULT_SPAN_LIMIT,
    Frequency,
    RunStatus,
)
from tests.cli.running import Halo
from tests.conftest import REPOSITORY

NOWHERE = Halo("http://127.0.0.1:9")


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group below a group, with the words that lead there."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))


ALL = list(every_command(halo))


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_every_command_says_what_it_is_for_and_every_option_too(words: tuple[str, ...], command: click.Command) -> None:
    """Help is the only page most people read."""
    shown = NOWHERE.told(*words, "--help")

    assert command.help
    assert len(command.help.splitlines()[0]) > 10
    assert "Usage: halo" in shown
    named = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [option.name for option in named if not option.help] == []


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_every_command_that_prints_can_print_json(words: tuple[str, ...], command: click.Command) -> None:
    """Programs must not have to parse tables; a schema is JSON anyway."""
    flags = {flag for parameter in command.params for flag in parameter.opts}

    assert isinstance(command, click.Group) or words in (("serve",), ("schema",)) or "--json" in flags


def test_the_overview_names_every_command_and_the_way_in_for_files() -> None:
    """It is the first screen."""
    shown = NOWHERE.told("--help")
    listed = {str(command.name) for commands in SECTIONS.values() for command in commands}

    assert all(name in shown for name in listed)
    assert listed == set(halo.commands) - {str(analyse.name)}
    assert "halo traces.jsonl" in shown
    assert NOWHERE.told() == shown
    assert NOWHERE.told("--version").startswith("halo ")


def test_a_known_command_wins_over_a_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file called `components` must not change what the command does."""
    monkeypatch.chdir(tmp_path)
    Path("components").write_text("nonsense\n")

    assert "otlp" in NOWHERE.told("components")
    assert "no usable span" in NOWHERE("./components").stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [("agnet", "did you mean `halo agent`?"), ("frobnicate", "`halo --help` lists the commands")],
)
def test_a_mistyped_command_is_no_missing_file(word: str, said: str) -> None:
    """`no such file: agnet` would send people looking in the wrong place."""
    result = NOWHERE(word)

    assert result.exit_code == 2
    assert said in result.stderr


def test_aliases_answer_like_the_commands_they_stand_for() -> None:
    """Both spellings are in people's fingers."""
    assert NOWHERE.told("conv", "--help").splitlines()[2:] == NOWHERE.told("conversation", "--help").splitlines()[2:]
    assert (
        NOWHERE.told("run", "list", "--help").splitlines()[2:] == NOWHERE.told("run", "ls", "--help").splitlines()[2:]
    )


def test_help_loads_nothing_heavy() -> None:
    """`halo --help` is typed often; HTTP clients and analysis take longer to load than everything else together."""
    heavy = ("aiohttp", "grpc", "pydantic", "yaml", "analysis", "numpy", "openai", "store", "opentelemetry")
    program = f"import sys, cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )

    assert answer.stdout.strip() == "[]"


def test_the_command_line_knows_the_words_and_defaults_of_the_api() -> None:
    """They are written out there, because loading the models would slow every `--help`."""
    assert get_args(TimeRange) == options.TIME_RANGES
    assert get_args(RunStatus) == runs.STATUSES
    assert get_args(Severity) == findings.SEVERITIES
    assert get_args(FindingStatus) == findings.STATUSES
    assert get_args(Frequency) == schedules.FREQUENCIES
    assert traces.SORTS == SORTS
    assert (
        options.DEFAULT_LOOKBACK_HOURS,
        options.DEFAULT_SPAN_LIMIT,
        options.DEFAULT_DEPTH,
        options.DEFAULT_TURNS,
    ) == (DEFAULT_LOOKBACK_HOURS, DEFAULT_SPAN_LIMIT, DEFAULT_MAX_SUBAGENT_DEPTH, DEFAULT_MAX_TURNS)
