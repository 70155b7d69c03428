"""A run as a stream of its events: the run is a task, and whoever stops listening ends it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from engine.engine_config import EngineConfig
from engine.models.engine_output import EngineStreamEvent
from engine.models.messages import AgentMessage
from engine.opening import window_of_files
from engine.running import run
from engine.tracing.destination import traced_if
from engine.watching import StepStarted


class _Queued:
    """Puts events into a queue; moments between them are of no interest to a stream."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[EngineStreamEvent | None] = asyncio.Queue()

    def event(self, event: EngineStreamEvent) -> None:
        self.events.put_nowait(event)

    def step(self, step: StepStarted) -> None:
        """Not told on."""


async def events_of_files(
    messages: Sequence[AgentMessage], config: EngineConfig, paths: Sequence[Path], *, telemetry: bool
) -> AsyncGenerator[EngineStreamEvent, None]:
    """The events of a run over files. Raises what the run raises, after its last event."""
    heard = _Queued()
    running = asyncio.create_task(_run_over_files(messages, config, paths, heard, telemetry))
    running.add_done_callback(lambda _: heard.events.put_nowait(None))
    try:
        while (event := await heard.events.get()) is not None:
            yield event
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _run_over_files(
    messages: Sequence[AgentMessage], config: EngineConfig, paths: Sequence[Path], heard: _Queued, telemetry: bool
) -> None:
    async with AsyncExitStack() as opened:
        files = window_of_files(paths, config.trace_index.index_dir)
        window = await asyncio.to_thread(files.__enter__)
        opened.push_async_callback(asyncio.to_thread, files.__exit__, None, None, None)
        with traced_if(telemetry):
            await run(messages, config, window, heard)
