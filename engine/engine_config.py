"""Everything that shapes one engine run: its agents, its models and its limits.

Field names and defaults are those of the HALO engine package; those below `repo_path` are ours, and leave a run as it
was when they are not given. `synthesis_model` and `compaction_model` have no default on purpose: they decide what a
run costs.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from engine.agents.agent_config import AgentConfig
from engine.model_config import ModelConfig
from engine.model_provider_config import ModelProviderConfig


class TraceIndexConfig(BaseModel):
    """Where the index of a trace file is kept, and which layout it has."""

    model_config = ConfigDict(extra="forbid")

    index_dir: Path | None = Field(default=None, description="Directory; None means beside the trace file.")
    schema_version: int = Field(default=2, description="Version of the index layout.")


class EngineConfig(BaseModel):
    """The configuration of one run; a misspelt field is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    root_agent: AgentConfig = Field(description="The agent that answers the caller.")
    subagent: AgentConfig = Field(description="The agent every delegated question is given to.")
    synthesis_model: ModelConfig = Field(description="Model that summarises several traces in one call.")
    compaction_model: ModelConfig = Field(description="Model that shortens old turns of a conversation.")
    model_provider: ModelProviderConfig = Field(
        default_factory=ModelProviderConfig, description="The endpoint of all models."
    )
    trace_index: TraceIndexConfig = Field(default_factory=TraceIndexConfig, description="The index of trace files.")
    text_message_compaction_keep_last_messages: int = Field(
        default=12, ge=0, description="Latest text messages that compaction leaves alone."
    )
    tool_call_compaction_keep_last_turns: int = Field(
        default=3, ge=0, description="Latest tool turns that compaction leaves alone."
    )
    maximum_depth: int = Field(default=2, ge=0, description="Levels of subagents below the root.")
    maximum_parallel_subagents: int = Field(default=4, gt=0, description="Subagents that may run at once on one level.")
    emit_run_checkpoints: bool = Field(default=False, description="Whether the stream has RunCheckpoints.")
    dataset_context: str | None = Field(default=None, description="What the caller knows about the data.")
    repo_path: Path | None = Field(default=None, description="Checkout of the agent's code, read only.")
    budget_tokens: int | None = Field(default=None, gt=0, description="Tokens, in and out, that all agents may use.")
    budget_usd: float | None = Field(default=None, gt=0, description="Dollars that all agents may cost.")
    budget_seconds: float | None = Field(default=None, gt=0, description="Wall-clock seconds that the run may take.")
    context_window_tokens: int = Field(
        default=128_000, gt=1_000, description="Tokens that fit into the model's context; compaction keeps below it."
    )
    compaction_share: float = Field(
        default=0.7, gt=0, lt=1, description="Share of the context window at which old turns are shortened."
    )
    checkpoint_path: Path | None = Field(
        default=None, description="File that holds the run's state after every turn; a run goes on from it."
    )
    prices_path: Path | None = Field(
        default=None, description="JSON file with prices per million tokens by model, before the shipped ones."
    )
