"""Lines of one file of the agent's code."""

from typing import Any

from pydantic import Field

from engine.repository.files import page, text_of
from engine.repository.offering import RepositoryTool
from engine.tooling import Arguments, ToolConfig, Work


class Config(ToolConfig):
    """How much of the answer is shown."""

    max_answer_bytes: int = Field(default=200_000, ge=1_000, description="Most bytes of one answer, as JSON.")


class Given(Arguments):
    """Which lines of which file."""

    path: str = Field(min_length=1, max_length=2_000, description="Relative to the top of the repository.")
    offset: int = Field(default=1, ge=1, description="First line, counted from 1.")
    limit: int = Field(default=500, ge=1, le=2_000, description="Most lines.")


def create(config: Config) -> "ReadFile":
    """The tool."""
    return ReadFile(config)


class ReadFile(RepositoryTool[Config]):
    """Reads text, and nothing outside the checkout."""

    name = "read_file"
    description = "Read lines of a file of the repository; cite them as path:line."
    arguments = Given

    async def answer(self, given: Given, work: Work) -> Any:
        """Numbered lines, and where the next ones begin."""
        root = work.repository
        assert root is not None
        text = await work.in_thread(lambda: text_of(root, given.path))
        return page(text, given.path, given.offset, given.limit)
