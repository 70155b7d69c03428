"""What changed in the agent's code between two states of it."""

from typing import Any

from pydantic import Field

from engine.repository.git import git, ref
from engine.repository.offering import HistoryTool
from engine.tooling import Arguments, ToolConfig, Work


class Config(ToolConfig):
    """How much of the answer is shown."""

    max_answer_bytes: int = Field(default=200_000, ge=1_000, description="Most bytes of one answer, as JSON.")


class Given(Arguments):
    """From where to where."""

    from_ref: str = Field(min_length=1, max_length=300, description="A commit, branch or tag.")
    to_ref: str = Field(min_length=1, max_length=300, description="A commit, branch or tag.")
    path: str | None = Field(default=None, max_length=2_000, description="Only this path.")
    stat_only: bool = Field(default=True, description="Which files and how much; else the changed lines.")


def create(config: Config) -> "GitDiff":
    """The tool."""
    return GitDiff(config)


class GitDiff(HistoryTool[Config]):
    """Asks git diff."""

    name = "git_diff"
    description = "Compare two commits, branches or tags."
    arguments = Given

    async def answer(self, given: Given, work: Work) -> Any:
        """What git says, as text."""
        assert work.repository is not None
        shape = "--stat" if given.stat_only else "--patch"
        flags = (shape, "--no-ext-diff", "--no-textconv", "--no-color", ref(given.from_ref), ref(given.to_ref))
        return {"text": await git(work.repository, "diff", *flags, paths=[given.path] if given.path else [])}
