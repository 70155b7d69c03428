"""The traces one run looks at: a selection behind the store's reading door, and what the analysis knows of it.

The analysis reads every trace, so it is made when the first of its answers is wanted, once, off the event loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from analysis.claims import Checker
from analysis.evidence import ReadSpan
from analysis.reporting import Built
from domain.report import AgentRef
from store.base import Selection, WindowReader


@dataclass(frozen=True)
class Analysed:
    """What is known without a model: the report so far with its evidence, and all that checks claims."""

    built: Built
    read_span: ReadSpan

    @property
    def checker(self) -> Checker:
        """Checks claims against this window."""
        return Checker(self.built.facts, self.built.detectors, self.read_span)


class TraceWindow:
    """What tools read; safe for several threads.

    `selection` bounds everything: no tool shows a trace outside it. `analyse` computes, in whatever thread it is
    called, what `analysed` gives.
    """

    def __init__(
        self, reader: WindowReader, selection: Selection, agent: AgentRef, analyse: Callable[[], Analysed]
    ) -> None:
        self.reader = reader
        self.selection = selection
        self.agent = agent
        self._analyse = analyse
        self._analysing: asyncio.Task[Analysed] | None = None

    async def analysed(self) -> Analysed:
        """The analysis; begun by the first call, in a thread, and not given up when that call is."""
        if self._analysing is None:
            self._analysing = asyncio.create_task(asyncio.to_thread(self._analyse), name="analyse the window")
        return await asyncio.shield(self._analysing)
