"""The directories and files of the agent's code, down to a depth."""

from typing import Any

from pydantic import Field

from engine.repository.files import listed, tree
from engine.repository.offering import RepositoryTool
from engine.tooling import Arguments, ToolConfig, Work

MAX_ENTRIES = 500


class Config(ToolConfig):
    """How much of the checkout is shown."""


class Given(Arguments):
    """Which part."""

    depth: int = Field(default=4, ge=1, le=20, description="Levels of directories.")
    path: str = Field(default="", description="Directory to begin at; empty is the top.")


def create(config: Config) -> "ViewRepoTree":
    """The tool."""
    return ViewRepoTree(config)


class ViewRepoTree(RepositoryTool[Config]):
    """Lists what git lists."""

    name = "view_repo_tree"
    description = "List directories and files of the repository of the agent's code."
    arguments = Given

    async def answer(self, given: Given, work: Work) -> Any:
        """Entries, and how many are left out."""
        assert work.repository is not None
        below = given.path.strip("/")
        paths = await listed(work.repository)
        wanted = [path for path in paths if not below or path.startswith(f"{below}/")]
        entries, left_out = tree(wanted, given.depth + below.count("/") + bool(below), MAX_ENTRIES)
        return {"entries": entries, "total_files": len(wanted), "left_out": left_out}
