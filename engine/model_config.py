"""Which model to call, and how.

One binding serves every kind of call (agents, synthesis, compaction), so that each of them can be given its
own model without a second vocabulary.
"""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
"""How long a reasoning model may think; the levels of the OpenAI API, least first."""


class ModelConfig(BaseModel):
    """A model and the settings of its calls; what is None is not sent, so the provider's default holds."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = Field(description="The model's id as the endpoint knows it.")
    temperature: float | None = Field(default=None, ge=0.0, le=2.0, description="Sampling temperature.")
    maximum_output_tokens: int | None = Field(default=None, gt=0, description="Cap on tokens per answer.")
    parallel_tool_calls: bool = Field(default=True, description="Whether one answer may call several tools.")
    reasoning_effort: ReasoningEffort | None = Field(
        default=None, description="Effort asked of a reasoning model; None leaves it to the engine."
    )
