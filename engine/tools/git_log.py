"""The commits of the agent's code, by time, range, path, or what they changed."""

from typing import Any

from pydantic import Field

from engine.repository.git import git, ref_range
from engine.repository.offering import HistoryTool
from engine.tooling import Arguments, ToolConfig, ToolError, Work

_FORMAT = "%h%x1f%aI%x1f%an%x1f%s%x1e"
_KEYS = ("commit", "date", "author", "subject")


class Config(ToolConfig):
    """How much of the answer is shown."""


class Given(Arguments):
    """Which commits; the newest come first."""

    max_commits: int = Field(default=50, ge=1, le=500, description="Most commits shown.")
    since: str | None = Field(default=None, max_length=100, description="Only later than this date.")
    until: str | None = Field(default=None, max_length=100, description="Only earlier than this date.")
    ref_range: str | None = Field(default=None, max_length=300, description="E.g. v1.0..main")
    path: str | None = Field(default=None, max_length=2_000, description="Only commits that touched it.")
    pickaxe_string: str | None = Field(default=None, max_length=1_000, description="Only where this text came or went.")
    pickaxe_regex: str | None = Field(default=None, max_length=1_000, description="Only where changed lines match it.")


def create(config: Config) -> "GitLog":
    """The tool."""
    return GitLog(config)


class GitLog(HistoryTool[Config]):
    """Asks git log."""

    name = "git_log"
    description = "List commits, newest first; the pickaxe finds where a prompt, a tool or an error text came from."
    arguments = Given

    async def answer(self, given: Given, work: Work) -> Any:
        """Commits with date, author and subject."""
        assert work.repository is not None
        if given.pickaxe_string and given.pickaxe_regex:
            raise ToolError("give pickaxe_string or pickaxe_regex, not both")
        flags = [f"--max-count={given.max_commits}", f"--format={_FORMAT}", "--abbrev=12", "--no-textconv"]
        flags += [f"--since={given.since}"] if given.since else []
        flags += [f"--until={given.until}"] if given.until else []
        flags += [f"-S{given.pickaxe_string}"] if given.pickaxe_string else []
        flags += [f"-G{given.pickaxe_regex}"] if given.pickaxe_regex else []
        flags += [ref_range(given.ref_range)] if given.ref_range else []
        said = await git(work.repository, "log", *flags, paths=[given.path] if given.path else [])
        records = [record.strip("\n").split("\x1f") for record in said.split("\x1e")]
        return {"commits": [dict(zip(_KEYS, record, strict=True)) for record in records if len(record) == len(_KEYS)]}
