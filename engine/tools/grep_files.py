"""Lines of the agent's code that a regular expression matches."""

from typing import Any

from pydantic import Field

from engine.repository.files import matching
from engine.repository.git import git, has_git
from engine.tooling import Arguments, ConfiguredTool, ToolConfig, Work

MAX_LINE_CHARS = 500


class Config(ToolConfig):
    """How much of the answer is shown."""


class Given(Arguments):
    """What to look for, and where."""

    regex_pattern: str = Field(min_length=1, max_length=1_000, description="An extended regular expression (POSIX).")
    glob_pattern: str | None = Field(default=None, max_length=500, description="Only files whose path this glob fits.")
    max_matches: int = Field(default=50, ge=1, le=500, description="Most lines shown.")


def create(config: Config) -> "GrepFiles":
    """The tool."""
    return GrepFiles(config)


class GrepFiles(ConfiguredTool[Config]):
    """Searches with git, in a process that can be ended: no expression can hold up the run."""

    name = "grep_files"
    description = "Search the repository's files line by line; matches come as path:line: text."
    arguments = Given

    def offered(self, work: Work) -> bool:
        """Where there is a checkout, and git."""
        return work.repository is not None and has_git()

    async def answer(self, given: Given, work: Work) -> Any:
        """Matching lines, and how many there are in all, as far as was read."""
        assert work.repository is not None
        flags = ("--no-index", "--exclude-standard", "-I", "-n", "-E", "--no-color", "-e", given.regex_pattern)
        said = await git(work.repository, "grep", *flags)
        lines = await work.in_thread(lambda: _lines(said, given.glob_pattern))
        shown = [line if len(line) <= MAX_LINE_CHARS else f"{line[:MAX_LINE_CHARS]} …" for line in lines]
        return {"matches": shown[: given.max_matches], "total": len(lines), "has_more": len(lines) > given.max_matches}


def _lines(said: str, pattern: str | None) -> list[str]:
    """Matches in the files that a glob fits."""
    lines = said.splitlines()
    if pattern is None:
        return lines
    fitting = set(matching(sorted({line.partition(":")[0] for line in lines}), pattern))
    return [line for line in lines if line.partition(":")[0] in fitting]
