"""The import paths that other people's scripts hold on to."""

import importlib
import inspect

import pytest

PUBLIC = {
    "engine.engine_config": ["EngineConfig"],
    "engine.model_config": ["ModelConfig", "ReasoningEffort"],
    "engine.model_provider_config": ["ModelProviderConfig"],
    "engine.agents.agent_config": ["AgentConfig"],
    "engine.models.messages": ["AgentMessage", "AgentToolCall", "AgentToolFunction"],
    "engine.models.engine_output": ["AgentOutputItem", "AgentTextDelta", "RunCheckpoint"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in PUBLIC.items() for name in names])
def test_a_script_written_for_the_halo_engine_package_finds_its_types(module: str, name: str) -> None:
    """A drop-in that moves a name is not a drop-in."""
    found = getattr(importlib.import_module(module), name)

    if inspect.isclass(found):
        assert found.__module__ == module
