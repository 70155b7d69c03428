"""A question for a subagent: it starts with an empty conversation, and only its answer comes back."""

from dataclasses import asdict
from typing import Any

from pydantic import Field

from engine.tooling import Arguments, ConfiguredTool, Delegated, ToolConfig, ToolError, Work


class Config(ToolConfig):
    """Limits of a delegation; a subagent is itself bounded by its turns and by the run's budget."""

    timeout_s: float = Field(default=3_600.0, gt=0, description="Longest a subagent may take.")


class Input(Arguments):
    """What to delegate."""

    input: str = Field(
        min_length=1,
        description="The whole task, with all it needs to know: ids, what is known already, what to bring back.",
    )


class CallSubagent(ConfiguredTool[Config]):
    """Sets a subagent to work."""

    name = "call_subagent"
    description = (
        "Let a subagent work on a well-defined question that takes several turns. It has the same tools and a "
        "conversation of its own, and knows nothing but the input. Call several in one turn to have them work side by "
        "side. Returns its answer; a subagent that fails says why."
    )
    arguments = Input

    def offered(self, work: Work) -> bool:
        """Where a level is left below."""
        return work.delegate is not None

    async def answer(self, given: Any, work: Work) -> dict[str, Any]:
        """What the subagent brought back."""
        if work.delegate is None:
            raise ToolError("no subagent can be called from this level; use the other tools yourself")
        delegated: Delegated = await work.delegate(given.input, work.tool_call_id)
        return asdict(delegated)


def create(config: Config) -> CallSubagent:
    """The tool."""
    return CallSubagent(config)
