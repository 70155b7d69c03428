"""Who an agent is: its id, its name, and the call that set it to work."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lineage:
    """An agent's place in its run; the parent fields are None for the root, whose depth is 0."""

    agent_id: str
    name: str
    depth: int = 0
    parent_agent_id: str | None = None
    parent_tool_call_id: str | None = None


def root_lineage(name: str, token: str) -> Lineage:
    """The root; `token` makes its id unlike that of any other run."""
    return Lineage(f"root-{token}", name)


def child_lineage(parent: Lineage, name: str, tool_call_id: str, token: str) -> Lineage:
    """A subagent that a tool call of `parent` set to work."""
    return Lineage(f"sub-{token}", name, parent.depth + 1, parent.agent_id, tool_call_id)
