"""Files of the agent's code by a pattern of their paths."""

from typing import Any

from pydantic import Field

from engine.repository.files import listed, matching
from engine.repository.offering import RepositoryTool
from engine.tooling import Arguments, ToolConfig, Work


class Config(ToolConfig):
    """How much of the answer is shown."""


class Given(Arguments):
    """Which files."""

    pattern: str = Field(min_length=1, max_length=500, description="A glob, e.g. src/**/*.py")
    max_results: int = Field(default=200, ge=1, le=1_000, description="Most paths shown.")


def create(config: Config) -> "GlobFiles":
    """The tool."""
    return GlobFiles(config)


class GlobFiles(RepositoryTool[Config]):
    """Matches paths as git lists them."""

    name = "glob_files"
    description = "Find files of the repository by a glob on their paths."
    arguments = Given

    async def answer(self, given: Given, work: Work) -> Any:
        """The paths, and how many there are in all."""
        assert work.repository is not None
        paths = await listed(work.repository)
        found = await work.in_thread(lambda: matching(paths, given.pattern))
        return {"paths": found[: given.max_results], "total": len(found)}
