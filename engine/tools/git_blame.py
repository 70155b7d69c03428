"""Which commit last changed each of some lines of the agent's code."""

from typing import Any

from pydantic import Field

from engine.repository.git import git, ref
from engine.repository.offering import HistoryTool
from engine.tooling import Arguments, ToolConfig, ToolError, Work

MAX_LINES = 2_000


class Config(ToolConfig):
    """How much of the answer is shown."""

    max_answer_bytes: int = Field(default=200_000, ge=1_000, description="Most bytes of one answer, as JSON.")


class Given(Arguments):
    """Which lines of which file."""

    path: str = Field(min_length=1, max_length=2_000, description="Relative to the top of the repository.")
    start_line: int = Field(ge=1, description="First line, counted from 1.")
    end_line: int = Field(ge=1, description="Last line.")
    ref: str | None = Field(
        default=None, max_length=300, description="At this commit, branch or tag; by default the latest."
    )


def create(config: Config) -> "GitBlame":
    """The tool."""
    return GitBlame(config)


class GitBlame(HistoryTool[Config]):
    """Asks git blame."""

    name = "git_blame"
    description = "Say for each of some lines of a file which commit changed it last, when and by whom."
    arguments = Given

    async def answer(self, given: Given, work: Work) -> Any:
        """What git says, as text."""
        assert work.repository is not None
        if not 0 <= given.end_line - given.start_line < MAX_LINES:
            raise ToolError(f"end_line must be at or after start_line, and at most {MAX_LINES} lines are shown")
        # Of a commit, never of the work tree: a file there would go through the filters that the checkout configures.
        flags = ["--abbrev=11", "--date=short", "--no-textconv", f"-L{given.start_line},{given.end_line}"]
        flags += [ref(given.ref or "HEAD")]
        return {"text": await git(work.repository, "blame", *flags, paths=[given.path])}
