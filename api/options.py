"""The parts of requests that runs and schedules share: how a run looks, and how far back."""

from typing import Any

from pydantic import Field

from domain.component import ComponentConfig
from domain.runs import (
    DEFAULT_LOOKBACK_HOURS,
    DEFAULT_MAX_SUBAGENT_DEPTH,
    DEFAULT_MAX_TURNS,
    DEFAULT_SPAN_LIMIT,
    Effort,
    RunOptions,
)

MAX_LOOKBACK_HOURS = 24 * 366


class LookOptions(ComponentConfig):
    """How a run looks; kept with the run also when no model is configured."""

    prompt: str | None = Field(default=None, max_length=100_000)
    model_id: str | None = Field(default=None, max_length=200)
    span_limit: int = Field(default=DEFAULT_SPAN_LIMIT, ge=1)
    max_subagent_depth: int = Field(default=DEFAULT_MAX_SUBAGENT_DEPTH, ge=1, le=5)
    max_turns: int = Field(default=DEFAULT_MAX_TURNS, ge=1, le=100)
    no_model: bool = False
    subagent_model_id: str | None = Field(default=None, max_length=200)
    reasoning_effort: Effort | None = None
    budget_tokens: int | None = Field(default=None, ge=1)
    budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    budget_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    lookback_hours: float = Field(default=DEFAULT_LOOKBACK_HOURS, gt=0, le=MAX_LOOKBACK_HOURS)

    def run_options(self) -> RunOptions:
        """The part that is kept with a run."""
        return RunOptions(**self._shared())

    def _shared(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in RunOptions.model_fields}
