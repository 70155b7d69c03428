"""A tool that does what a test says, and what it may use meanwhile."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

from pydantic import Field

from engine.tooling import Arguments, ShownIds, Tool, ToolConfig, Work
from engine.window import TraceWindow


class Given(Arguments):
    """The arguments of a fake tool."""

    trace_id: str = Field(description="Which trace.")
    limit: int = Field(default=5, ge=1, le=50, description="Most of them.")
    title: str | None = None


class FakeTool(Tool):
    """Answers with a value, or raises it when it is an exception, or answers with what a function of the call says."""

    description = "Does as it is told."
    arguments: type[Arguments] = Given

    def __init__(
        self, answers: Any = None, *, name: str = "view_trace", offered: bool = True, **settings: float
    ) -> None:
        self.name = name
        self.config = ToolConfig.model_validate(settings)
        self.given: list[Given] = []
        self._answers = answers
        self._offered = offered

    def offered(self, work: Work) -> bool:
        return self._offered

    async def answer(self, given: Any, work: Work) -> Any:
        self.given.append(given)
        if isinstance(self._answers, BaseException):
            raise self._answers
        if callable(self._answers):
            return await cast(Callable[[Given], Awaitable[Any]], self._answers)(given)
        return self._answers


async def nothing(*_: object) -> Any:
    """Nobody to ask."""
    raise AssertionError("nothing of the kind is needed here")


def work(**changes: Any) -> Work:
    """What a tool may use, all of it absent but for the changes."""
    absent: dict[str, Any] = {
        "window": cast(TraceWindow, None),
        "agent_id": "a",
        "depth": 0,
        "tool_call_id": "c",
        "shown": ShownIds(),
        "ask": nothing,
        "delegate": None,
        "item": lambda item_id: None,
        "kept": AsyncExitStack(),
        "belongings": {},
        "call": nothing,
    }
    return Work(**{**absent, **changes})
