"""The flags of the HALO engine's command line, and what they ask for."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import EFFORTS, Command, FiniteRange

if TYPE_CHECKING:
    from engine.engine_config import EngineConfig

DEFAULT_MODEL = "gpt-5.4-mini"
DEFAULT_DEPTH, DEFAULT_TURNS, DEFAULT_PARALLEL = 2, 20, 10
NO_MODEL = (
    "no model can be asked: give --api-key or OPENAI_API_KEY, or --base-url or OPENAI_BASE_URL for an endpoint without "
    "a key; the analysis alone runs"
)


class EngineOption(click.Option):
    """A flag that is about the model; the help shows these in a section of their own."""


@dataclass(frozen=True)
class ModelQuestion:
    """A question for a model, and everything that shapes the run that answers it."""

    prompt: str | None
    config: "EngineConfig"
    telemetry: bool
    resume: bool


def engine_options(command: Command) -> Command:
    """All flags about the model."""
    for option in reversed(_options()):
        command = option(command)
    return command


_FLAG = partial(click.option, cls=EngineOption)
_NUMBER = partial(_FLAG, metavar="N")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


def _options() -> Sequence[Callable[[Command], Command]]:
    return [*_about_the_question(), *_about_the_endpoint(), *_about_the_run()]


def _about_the_question() -> Sequence[Callable[[Command], Command]]:
    return [
        _FLAG("--prompt", "-p", help="What to ask of the traces."),
        _FLAG("--model", "-m", help=f"Model of root agent and subagents.  [default: {DEFAULT_MODEL}]"),
        _FLAG("--synthesis-model", help="Model that summarises traces.  [default: --model]"),
        _FLAG("--compaction-model", help="Model that shortens old turns.  [default: --model]"),
        _NUMBER("--max-depth", type=click.IntRange(0), help=f"Levels of subagents.  [default: {DEFAULT_DEPTH}]"),
        _NUMBER("--max-turns", type=click.IntRange(1), help=f"Turns of each agent.  [default: {DEFAULT_TURNS}]"),
        _NUMBER(
            "--max-parallel",
            type=click.IntRange(1),
            help=f"Subagents at once on a level.  [default: {DEFAULT_PARALLEL}]",
        ),
        _FLAG(
            "--repo-path", type=_DIRECTORY, metavar="DIR", help="Checkout of the agent's code; the model may read it."
        ),
        _FLAG("--dataset-context", metavar="TEXT", help="What the model should know about the data."),
    ]


def _about_the_endpoint() -> Sequence[Callable[[Command], Command]]:
    return [
        _FLAG("--base-url", metavar="URL", help="OpenAI-compatible endpoint.  [default: OPENAI_BASE_URL, OpenAI]"),
        _FLAG("--api-key", metavar="KEY", help="Its key.  [default: OPENAI_API_KEY]"),
        _FLAG(
            "--header",
            "-H",
            "headers",
            multiple=True,
            metavar="NAME: VALUE",
            help="Header of every request; repeatable.",
        ),
        _FLAG("--api", type=click.Choice(["chat", "responses"]), help="API of the endpoint.  [default: chat]"),
        _FLAG("--temperature", type=FiniteRange(0, 2), metavar="X", help="Sampling temperature."),
        _NUMBER("--max-output-tokens", type=click.IntRange(1), help="Most tokens of one answer."),
        _NUMBER("--context-window", type=click.IntRange(2_000), help="Tokens that fit into the model's context."),
        _FLAG(
            "--parallel-tool-calls/--no-parallel-tool-calls",
            default=None,
            help="Let the model call several tools at once.  [default: let]",
        ),
        _NUMBER("--refusal-retries", type=click.IntRange(0), help="Times a refusal is asked again.  [default: 0]"),
        _FLAG("--reasoning-effort", type=click.Choice(EFFORTS), help="How long a reasoning model may think."),
    ]


def _about_the_run() -> Sequence[Callable[[Command], Command]]:
    return [
        _FLAG("--budget-usd", type=FiniteRange(0, min_open=True), metavar="X", help="Dollars the run may cost."),
        _NUMBER("--budget-tokens", type=click.IntRange(1), help="Tokens the run may use, in and out."),
        _FLAG("--budget-seconds", type=FiniteRange(0, min_open=True), metavar="X", help="Seconds the run may take."),
        _FLAG("--prices", type=_FILE, metavar="FILE", help="JSON with prices by model, before those HALO knows."),
        _FLAG(
            "--index-dir",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Where the window of the files is kept for the next question.  [default: beside the first file]",
        ),
        _FLAG("--resume", is_flag=True, help="Go on where the same question to the same files was cut off."),
        _FLAG("--telemetry", is_flag=True, help="Emit traces of HALO's own model calls, tools and agents."),
        _FLAG("--no-model", is_flag=True, help="Ask no model, whatever else is given."),
    ]


def question_of(
    flags: Mapping[str, Any], traces: Sequence[Path], environment: Mapping[str, str], tell: Callable[[str], None]
) -> ModelQuestion | None:
    """What to ask which model; None for the analysis alone, and a line on why when a model was asked for.

    click.BadParameter: a header or a URL that is none.
    """
    given = {name: value for name, value in flags.items() if value not in (None, (), False)}
    if not given or flags["no_model"]:
        return None
    if not any((flags["api_key"], flags["base_url"], *map(environment.get, ("OPENAI_API_KEY", "OPENAI_BASE_URL")))):
        tell(NO_MODEL)
        return None
    _require_url(flags["base_url"] or environment.get("OPENAI_BASE_URL", ""))
    return ModelQuestion(
        (flags["prompt"] or "").strip() or None,
        _config(flags, traces, environment),
        bool(flags["telemetry"]),
        bool(flags["resume"]),
    )


def _require_url(base_url: str) -> None:
    if base_url and not base_url.startswith(("http://", "https://")):
        raise click.BadParameter(
            f"{base_url!r} is no URL; write e.g. https://api.openai.com/v1", param_hint="--base-url (OPENAI_BASE_URL)"
        )


def _config(flags: Mapping[str, Any], traces: Sequence[Path], environment: Mapping[str, str]) -> "EngineConfig":
    from engine.agents.agent_config import AgentConfig
    from engine.engine_config import EngineConfig, TraceIndexConfig
    from engine.model_config import ModelConfig
    from engine.model_provider_config import ModelProviderConfig

    model = ModelConfig(
        name=flags["model"] or DEFAULT_MODEL,
        temperature=flags["temperature"],
        maximum_output_tokens=flags["max_output_tokens"],
        parallel_tool_calls=flags["parallel_tool_calls"] is not False,
        reasoning_effort=flags["reasoning_effort"],
    )

    def agent(name: str) -> AgentConfig:
        return AgentConfig(
            name=name,
            model=model,
            maximum_turns=flags["max_turns"] or DEFAULT_TURNS,
            refusal_retries=flags["refusal_retries"] or 0,
        )

    def another(name: str | None) -> ModelConfig:
        return model.model_copy(update={"name": name}) if name else model

    compaction = another(flags["compaction_model"]).model_copy(update={"reasoning_effort": None})
    choices = {"context_window_tokens": flags["context_window"]} if flags["context_window"] else {}
    return EngineConfig(
        root_agent=agent("root"),
        subagent=agent("sub"),
        synthesis_model=another(flags["synthesis_model"]),
        compaction_model=compaction,
        model_provider=ModelProviderConfig(
            base_url=flags["base_url"],
            api_key=flags["api_key"],
            default_headers=_headers(flags["headers"]),
            api=flags["api"] or "chat",
        ),
        trace_index=TraceIndexConfig(index_dir=flags["index_dir"]),
        maximum_depth=DEFAULT_DEPTH if flags["max_depth"] is None else flags["max_depth"],
        maximum_parallel_subagents=flags["max_parallel"] or DEFAULT_PARALLEL,
        dataset_context=flags["dataset_context"],
        repo_path=flags["repo_path"],
        budget_tokens=flags["budget_tokens"],
        budget_usd=flags["budget_usd"],
        budget_seconds=flags["budget_seconds"],
        checkpoint_path=_checkpoint(traces, flags, environment),
        prices_path=flags["prices"],
        **choices,
    )


def _headers(given: Sequence[str]) -> dict[str, str] | None:
    found = {}
    for each in given:
        name, colon, value = each.partition(":")
        if not colon or not name.strip() or any(sign in each for sign in "\r\n"):
            raise click.BadParameter(f"{each!r} is no header; write NAME: VALUE", param_hint="--header")
        found[name.strip()] = value.strip()
    return found or None


def _checkpoint(traces: Sequence[Path], flags: Mapping[str, Any], environment: Mapping[str, str]) -> Path:
    """Where the state of this question to these files is kept, by the XDG base directory specification."""
    home = environment.get("XDG_STATE_HOME") or os.path.join(environment.get("HOME", "."), ".local", "state")  # noqa: PTH118 - HOME may be relative
    asked = "\0".join([str(flags["prompt"]), str(flags["model"]), *(str(path.resolve()) for path in traces)])
    return Path(home) / "halo" / f"{hashlib.sha256(asked.encode(errors='replace')).hexdigest()[:16]}.checkpoint.json"
