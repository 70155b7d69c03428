"""One agent of a run, the root or a subagent: its name, its model, and how long it may go on.

The system prompt is not configurable: it is the manual of the engine's own tools.
"""

from pydantic import BaseModel, ConfigDict, Field

from engine.model_config import ModelConfig


class AgentConfig(BaseModel):
    """An agent's identity and its limits."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Shown in every event of this agent.")
    model: ModelConfig = Field(description="The model that decides its turns.")
    maximum_turns: int = Field(gt=0, description="Model calls the agent may make.")
    refusal_retries: int = Field(default=0, ge=0, description="Times a refusal is answered with a nudge.")
    final_answer_reprompts: int = Field(
        default=1, ge=0, description="Times a root that stops without a final answer is asked for one."
    )
