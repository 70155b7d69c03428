"""Lines of a file of the agent's code as it was at some commit."""

from typing import Any

from pydantic import Field

from engine.repository.files import page
from engine.repository.git import git, ref
from engine.repository.offering import HistoryTool
from engine.repository.paths import named
from engine.tooling import Arguments, ToolConfig, Work


class Config(ToolConfig):
    """How much of the answer is shown."""

    max_answer_bytes: int = Field(default=200_000, ge=1_000, description="Most bytes of one answer, as JSON.")


class Given(Arguments):
    """Which lines of which file, when."""

    ref: str = Field(min_length=1, max_length=300, description="A commit, branch or tag.")
    path: str = Field(min_length=1, max_length=2_000, description="Relative to the top of the repository.")
    offset: int = Field(default=1, ge=1, description="First line, counted from 1.")
    limit: int = Field(default=500, ge=1, le=2_000, description="Most lines.")


def create(config: Config) -> "GitReadFile":
    """The tool."""
    return GitReadFile(config)


class GitReadFile(HistoryTool[Config]):
    """Asks git show for a file."""

    name = "git_read_file"
    description = "Read lines of a file as it was at a commit, branch or tag."
    arguments = Given

    async def answer(self, given: Given, work: Work) -> Any:
        """Numbered lines, and where the next ones begin; of a very long file only the beginning can be read."""
        assert work.repository is not None
        text = await git(work.repository, "show", "--no-textconv", f"{ref(given.ref)}:{named(given.path)}")
        return page(text, given.path, given.offset, given.limit)
