"""One commit of the agent's code: its message, what it touched, and the change itself on request."""

from typing import Any

from pydantic import Field

from engine.repository.git import git, ref
from engine.repository.offering import HistoryTool
from engine.tooling import Arguments, ToolConfig, Work


class Config(ToolConfig):
    """How much of the answer is shown."""

    max_answer_bytes: int = Field(default=200_000, ge=1_000, description="Most bytes of one answer, as JSON.")


class Given(Arguments):
    """Which commit."""

    ref: str = Field(min_length=1, max_length=300, description="A commit, branch or tag.")
    path: str | None = Field(default=None, max_length=2_000, description="Only what it did to this path.")
    include_patch: bool = Field(default=False, description="The changed lines, not only which files.")


def create(config: Config) -> "GitShow":
    """The tool."""
    return GitShow(config)


class GitShow(HistoryTool[Config]):
    """Asks git show."""

    name = "git_show"
    description = "Show a commit: message, files, and with include_patch the changed lines."
    arguments = Given

    async def answer(self, given: Given, work: Work) -> Any:
        """What git says, as text."""
        assert work.repository is not None
        shape = "--patch" if given.include_patch else "--stat"
        flags = (shape, "--abbrev=12", "--no-ext-diff", "--no-textconv", "--no-color", f"{ref(given.ref)}^{{commit}}")
        return {"text": await git(work.repository, "show", *flags, paths=[given.path] if given.path else [])}
