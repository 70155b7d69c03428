"""The engine's flags: which model is asked, and how."""

import os
from pathlib import Path
from typing import Any

import click
import pytest

from cli.engine_flags import DEFAULT_MODEL, NO_MODEL, EngineOption, ModelQuestion, question_of
from cli.offline import analyse

TRACES = (Path("traces.jsonl"),)
KEY = {"OPENAI_API_KEY": "k", "HOME": "/home/somebody"}


def asked(*arguments: str, environment: dict[str, str] | None = None) -> tuple[ModelQuestion | None, list[str]]:
    """What a command line asks, and what it is told."""
    told: list[str] = []
    given: dict[str, Any] = analyse.make_context("halo", ["traces.jsonl", *arguments]).params
    flags = {str(each.name): given[str(each.name)] for each in analyse.params if isinstance(each, EngineOption)}
    return question_of(flags, TRACES, KEY if environment is None else environment, told.append), told


def test_the_defaults_are_those_of_the_engine_it_stands_in_for() -> None:
    """A command written for that one costs and goes as deep as there."""
    question, told = asked("-p", "why?")

    assert question is not None
    config = question.config
    assert (question.prompt, question.resume, question.telemetry, told) == ("why?", False, False, [])
    assert (config.root_agent.model.name, config.synthesis_model.name) == (DEFAULT_MODEL, DEFAULT_MODEL)
    assert (config.maximum_depth, config.root_agent.maximum_turns, config.maximum_parallel_subagents) == (2, 20, 10)
    assert config.root_agent.model.parallel_tool_calls
    assert config.root_agent.model.reasoning_effort is None
    assert (config.budget_usd, config.budget_tokens, config.budget_seconds) == (None, None, None)


def test_every_flag_reaches_the_configuration(tmp_path: Path) -> None:
    """A flag that is taken and forgotten is worse than one that is refused."""
    prices = tmp_path / "prices.json"
    prices.write_text("{}")
    flags = "-m m --synthesis-model s --compaction-model c --max-depth 0 --max-turns 7 --max-parallel 3 --api responses"
    more = "--base-url http://x/v1 --api-key secret --temperature 0.5 --max-output-tokens 10 --no-parallel-tool-calls"
    rest = (
        "--refusal-retries 2 --reasoning-effort low --budget-usd 1.5 --budget-tokens 9 --budget-seconds 30 --telemetry"
    )
    paths = [
        "--index-dir",
        str(tmp_path),
        "--repo-path",
        str(tmp_path),
        "--prices",
        str(prices),
        "-H",
        "A: b:c",
        "-H",
        "D:e",
        "--resume",
    ]
    question, _ = asked(
        *flags.split(), *more.split(), *rest.split(), *paths, "--dataset-context", "shop", "--context-window", "9000"
    )

    assert question is not None
    config = question.config
    model = config.root_agent.model
    assert (model.name, model.temperature, model.maximum_output_tokens) == ("m", 0.5, 10)
    assert (model.parallel_tool_calls, model.reasoning_effort) == (False, "low")
    assert (config.synthesis_model.name, config.compaction_model.name) == ("s", "c")
    assert config.compaction_model.reasoning_effort is None, "compaction never reasons"
    assert (config.maximum_depth, config.subagent.maximum_turns, config.maximum_parallel_subagents) == (0, 7, 3)
    assert config.root_agent.refusal_retries == 2
    provider = config.model_provider
    assert (provider.base_url, provider.api_key, provider.api) == ("http://x/v1", "secret", "responses")
    assert provider.default_headers == {"A": "b:c", "D": "e"}
    assert (config.budget_usd, config.budget_tokens, config.budget_seconds) == (1.5, 9, 30.0)
    assert (config.repo_path, config.prices_path, config.context_window_tokens) == (tmp_path, prices, 9_000)
    assert config.trace_index.index_dir == tmp_path
    assert (config.dataset_context, question.telemetry, question.resume) == ("shop", True, True)
    assert "secret" not in repr(question)


@pytest.mark.parametrize("arguments", [[], ["--no-model"], ["-p", "why?", "--no-model"], ["--brief"]])
def test_a_model_is_asked_only_when_something_about_it_is_said(arguments: list[str]) -> None:
    """A key in the environment is no order to spend money."""
    assert asked(*arguments) == (None, [])


def test_without_a_key_or_an_endpoint_the_analysis_alone_runs_and_says_why() -> None:
    """It works fully without a model."""
    assert asked("-p", "why?", environment={}) == (None, [NO_MODEL])
    assert asked("-p", "why?", "--base-url", "http://127.0.0.1/v1", environment={})[0] is not None
    assert asked("-p", "why?", environment={"OPENAI_BASE_URL": "http://127.0.0.1/v1"})[0] is not None


@pytest.mark.parametrize("header", ["none", ": value", "A: b\r\nC: d"])
def test_a_header_that_is_none_is_refused(header: str) -> None:
    """A header that is silently dropped is an hour of searching."""
    with pytest.raises(click.BadParameter, match="NAME: VALUE"):
        asked("-p", "why?", "-H", header)


def test_the_state_of_a_run_belongs_to_its_question_and_its_files(tmp_path: Path) -> None:
    """--resume needs no name, and never goes on with another question's work."""
    environment = {"OPENAI_API_KEY": "k", "XDG_STATE_HOME": str(tmp_path)}
    first, again, other = (asked("-p", text, environment=environment)[0] for text in ("why?", "why?", "what?"))

    assert first is not None and again is not None and other is not None
    assert first.config.checkpoint_path == again.config.checkpoint_path != other.config.checkpoint_path
    assert first.config.checkpoint_path is not None
    assert os.fspath(first.config.checkpoint_path).startswith(os.fspath(tmp_path / "halo"))
