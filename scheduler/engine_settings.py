"""The `engine` part of halo.yaml: which model looks, through which endpoint, and what it may cost.

Plain settings: the serving process reads them and hands them to the analysis process, which alone knows the engine.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from domain.component import ComponentConfig
from domain.headers import header_problems
from domain.runs import Effort
from domain.urls import url_problem

_CHECKED = "checked"
KEY_VARIABLES = ("OPENAI_API_KEY", "OPENAI_BASE_URL")


class EngineBudget(ComponentConfig):
    """What one run's model may cost, over all agents; no limit where none is set."""

    tokens: int | None = Field(default=None, ge=1, description="Tokens, in and out.")
    usd: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Dollars; counts only where prices are known."
    )
    seconds: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Wall-clock seconds; always less than scheduler.run_timeout.",
    )


class EngineSettings(ComponentConfig):
    """Which model looks at windows; without `model`, runs are the analysis alone."""

    model: str | None = Field(default=None, description="Model of root agent and subagents; none: no model is asked.")
    subagent_model: str | None = Field(default=None, description="Model of subagents; `model` by default.")
    synthesis_model: str | None = Field(default=None, description="Model that summarises traces; `model` by default.")
    compaction_model: str | None = Field(default=None, description="Model that shortens old turns; `model` by default.")
    base_url: str | None = Field(
        default=None, description="OpenAI-compatible endpoint; OPENAI_BASE_URL or OpenAI's by default."
    )
    api_key: SecretStr | None = Field(default=None, description="Its key; OPENAI_API_KEY by default.")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Headers of every request.")
    api: Literal["chat", "responses"] = Field(default="chat", description="Which API the endpoint is asked through.")
    temperature: float | None = Field(
        default=None, ge=0, le=2, allow_inf_nan=False, description="Sampling temperature."
    )
    max_output_tokens: int | None = Field(default=None, ge=1, description="Most tokens of one answer.")
    reasoning_effort: Effort | None = Field(default=None, description="How long a reasoning model may think.")
    parallel_tool_calls: bool = Field(default=True, description="Whether one answer may call several tools.")
    refusal_retries: int = Field(default=0, ge=0, description="Times a refusal is asked again.")
    max_parallel_subagents: int = Field(default=4, ge=1, description="Subagents at once on one level.")
    context_window_tokens: int = Field(default=128_000, gt=1_000, description="Tokens that fit into the model.")
    budget: EngineBudget = Field(default=EngineBudget(), description="What one run may cost.")
    prices: Path | None = Field(default=None, description="JSON file with prices by model, before those HALO knows.")
    dataset_context: str | None = Field(default=None, description="What the model should know about the agent.")
    repo_path: Path | None = Field(default=None, description="Checkout of the agent's code, which the model may read.")
    checkpoints: bool = Field(default=True, description="Keep a run's state, so that it goes on after a crash.")

    @field_validator("base_url")
    @classmethod
    def _is_a_url(cls, url: str | None) -> str | None:
        if url and (said := url_problem(url)):
            raise ValueError(said)
        return url

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if problems := header_problems({name: value.get_secret_value() for name, value in headers.items()}):
            raise ValueError("; ".join(problems))
        return headers

    @field_validator("prices")
    @classmethod
    def _is_a_file(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and info.context != _CHECKED and not path.is_file():
            raise ValueError(f"{path}: no such file; name a JSON file with prices, or leave it out")
        return path

    @field_validator("repo_path")
    @classmethod
    def _is_a_directory(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        if path is not None and info.context != _CHECKED and not path.is_dir():
            raise ValueError(f"{path}: no such directory; name a checkout of the agent's code, or leave it out")
        return path

    def can_ask(self, environment: Mapping[str, str]) -> bool:
        """Whether there is an endpoint to ask: a key, or an address that may need none."""
        return bool(self.api_key or self.base_url or any(map(environment.get, KEY_VARIABLES)))

    @classmethod
    def of_revealed(cls, plain: Mapping[str, Any]) -> Self:
        """The settings of `revealed`; a file that has gone since is no fault of the analysis that runs without it."""
        return cls.model_validate(plain, context=_CHECKED)

    def revealed(self) -> dict[str, Any]:
        """The settings as JSON values, secrets in clear: for the analysis process, and nobody else."""
        plain = self.model_dump(mode="json")
        plain["api_key"] = self.api_key.get_secret_value() if self.api_key else None
        plain["headers"] = {name: value.get_secret_value() for name, value in self.headers.items()}
        return plain


MARGIN = timedelta(seconds=30)
"""What is left of a run's time for checking and saving when its model has used up the rest."""
