"""The engine's public types: the contract with scripts written for the HALO engine package."""

from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from engine.agents.agent_config import AgentConfig
from engine.engine_config import EngineConfig
from engine.model_config import ModelConfig, ReasoningEffort
from engine.model_provider_config import ModelProviderConfig
from engine.models.engine_output import AgentOutputItem, AgentTextDelta, RunCheckpoint
from engine.models.messages import AgentMessage, AgentToolCall, AgentToolFunction

MODEL = ModelConfig(name="m")
AGENT = AgentConfig(name="root", model=MODEL, maximum_turns=20)
CONFIG = EngineConfig(root_agent=AGENT, subagent=AGENT, synthesis_model=MODEL, compaction_model=MODEL)
MESSAGE = AgentMessage(role="assistant", content="done")
FUNCTION = AgentToolFunction(name="view_trace", arguments="{}")
LINEAGE: dict[str, Any] = {
    "sequence": 3,
    "agent_id": "a-1",
    "parent_agent_id": None,
    "parent_tool_call_id": None,
    "depth": 0,
}
EXAMPLES: list[BaseModel] = [
    MODEL,
    ModelProviderConfig(),
    AGENT,
    CONFIG,
    FUNCTION,
    AgentToolCall(id="c-1", function=FUNCTION),
    MESSAGE,
    AgentOutputItem(**LINEAGE, agent_name="root", item=MESSAGE),
    AgentTextDelta(**LINEAGE, item_id="i-1", text_delta="do"),
    RunCheckpoint(sequence=4, agent_id="a-1", turns_used=2, messages=[MESSAGE]),
]


def test_a_configuration_needs_only_its_agents_and_models_and_has_the_known_defaults() -> None:
    """A script that relies on a default must run the same way here."""
    expected: dict[str, Any] = {
        "text_message_compaction_keep_last_messages": 12,
        "tool_call_compaction_keep_last_turns": 3,
        "maximum_depth": 2,
        "maximum_parallel_subagents": 4,
        "emit_run_checkpoints": False,
        "dataset_context": None,
        "repo_path": None,
        "model_provider": {"base_url": None, "api_key": None, "default_headers": None},
        "trace_index": {"index_dir": None, "schema_version": 2},
    }

    actual = CONFIG.model_dump(exclude={"root_agent", "subagent", "synthesis_model", "compaction_model"})

    assert {name: actual[name] for name in expected} == expected | {"model_provider": actual["model_provider"]}
    assert actual["model_provider"].items() >= expected["model_provider"].items()


def test_an_agent_and_a_model_have_the_known_defaults() -> None:
    """The same, one level down."""
    assert AGENT.model_dump(exclude={"model"}) == {
        "name": "root",
        "maximum_turns": 20,
        "refusal_retries": 0,
        "final_answer_reprompts": 1,
    }
    assert MODEL.model_dump() == {
        "name": "m",
        "temperature": None,
        "maximum_output_tokens": None,
        "parallel_tool_calls": True,
        "reasoning_effort": None,
    }


@pytest.mark.parametrize("field", ["root_agent", "subagent", "synthesis_model", "compaction_model"])
def test_what_decides_the_cost_of_a_run_has_no_default(field: str) -> None:
    """A model chosen silently is a bill nobody agreed to."""
    given = {name: getattr(CONFIG, name) for name in EngineConfig.model_fields if name != field}

    with pytest.raises(ValidationError, match=field):
        EngineConfig(**given)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_an_unknown_field_is_refused(example: BaseModel) -> None:
    """A misspelt limit that is ignored is no limit."""
    with pytest.raises(ValidationError, match="extra_forbidden"):
        type(example).model_validate(example.model_dump() | {"maximun_turns": 3})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_a_value_survives_json(example: BaseModel) -> None:
    """Checkpoints and events are stored and sent as JSON."""
    assert type(example).model_validate_json(example.model_dump_json()) == example


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (ModelConfig, {"name": "m", "temperature": 2.1}),
        (ModelConfig, {"name": "m", "maximum_output_tokens": 0}),
        (ModelConfig, {"name": "m", "reasoning_effort": "maximal"}),
        (AgentConfig, {"name": "a", "model": {"name": "m"}, "maximum_turns": 0}),
        (AgentMessage, {"role": "developer"}),
        (AgentToolCall, {"id": "c", "type": "custom", "function": {"name": "f", "arguments": "{}"}}),
    ],
)
def test_a_value_out_of_range_is_refused(model: type[BaseModel], wrong: dict[str, Any]) -> None:
    """The mistake should show where it was made, not in the provider's answer."""
    with pytest.raises(ValidationError):
        model.model_validate(wrong)


def test_message_content_is_text_or_parts_or_absent() -> None:
    """Messages of any compatible endpoint pass through, whichever form their content has."""
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]

    contents = [AgentMessage(role="user", content=content).content for content in ("text", parts, None)]

    assert contents == ["text", parts, None]


def test_an_api_key_is_not_printed() -> None:
    """Configurations end up in logs and tracebacks."""
    provider = ModelProviderConfig(api_key="sk-secret", default_headers={"x-token": "sk-other"})

    assert "sk-" not in repr(provider) + str(provider)


def test_the_efforts_are_the_known_ones() -> None:
    """Callers offer this list as choices."""
    assert get_args(ReasoningEffort) == ("none", "minimal", "low", "medium", "high", "xhigh")
