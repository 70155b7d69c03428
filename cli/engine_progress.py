"""How a run with a model shows itself on stderr while it goes on: a live tree, lines for a log, or nothing.

Whatever is shown stays out of the report: that goes to stdout.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from cli.engine_tree import AgentTree

if TYPE_CHECKING:
    from engine.inquiry import StepStarted
    from engine.models.engine_output import EngineStreamEvent

REPAINT_S = 0.2
_UP_AND_CLEAR = "\x1b[{}F\x1b[J"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"


class Silent:
    """Shows nothing; implements `engine.inquiry.Watcher`, as all of them do."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was begun."""

    def event(self, event: "EngineStreamEvent") -> None:
        """Nothing is made of it."""

    def step(self, step: "StepStarted") -> None:
        """Nothing is made of it."""


class Lines(Silent):
    """One line for each tool call and each end of an agent: what a log can hold."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._began = clock()
        self._tree = AgentTree()

    def step(self, step: "StepStarted") -> None:
        """Tell what is worth a line."""
        self._tree.apply(step)
        line = self._tree.agents[step.agent_id]
        if step.kind not in ("turn", "tool_done"):
            seconds = self._clock() - self._began
            self._write(f"{seconds:7.1f} s  {line.name}  turn {line.turn}/{line.turns}  {line.doing or 'done'}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(self._tree.sums(self._clock() - self._began))


class Live(Silent):
    """The tree, painted over itself a few times a second; its last state stays on the screen."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], *, colour: bool) -> None:
        self._stream = stream
        self._clock = clock
        self._colour = colour
        self._began = clock()
        self._tree = AgentTree()
        self._painted = 0
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._stream.write(_HIDE)
        self._ticking = asyncio.create_task(self._tick(), name="paint the agents")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking
        self._tree.said = ""
        self._paint()
        self._stream.write(_SHOW)
        self._stream.flush()

    def event(self, event: "EngineStreamEvent") -> None:
        """Text of the root is shown while it is said."""
        text = getattr(event, "text_delta", "")
        if text and getattr(event, "depth", 1) == 0:
            self._tree.hear(text)

    def step(self, step: "StepStarted") -> None:
        """Taken in now, painted at the next tick."""
        self._tree.apply(step)

    async def _tick(self) -> None:
        while True:
            self._paint()
            await asyncio.sleep(REPAINT_S)

    def _paint(self) -> None:
        width = shutil.get_terminal_size().columns
        lines = self._tree.lines(max(width - 1, 20), self._clock() - self._began, colour=self._colour)
        over = _UP_AND_CLEAR.format(self._painted) if self._painted else ""
        self._stream.write(over + "".join(line + "\n" for line in lines))
        self._stream.flush()
        self._painted = len(lines)


def progress(*, quiet: bool, clock: Callable[[], float], write: Callable[[str], None]) -> Silent:
    """What fits where stderr goes: nothing when quiet, a live tree on a terminal, else lines."""
    if quiet:
        return Silent()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return Live(sys.stderr, clock, colour=not os.environ.get("NO_COLOR"))
    return Lines(write, clock)
