"""The engine's door for scripts: six ways to put a question to trace files and to hear what happens.

The signatures are those of the HALO engine package. `messages` end with the question; `trace_paths` is one file or
several. Streams with deltas yield every event, the others finished messages only; the message with `final` is the
answer, and says so in its first line when it is incomplete. The synchronous ones drive an event loop of their own.
Everything heavy is imported when a run begins.

All raise PermanentError when the files hold no usable trace, before a model is asked, and PermanentError or
RetryableError when no model answers at all.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from engine.engine_config import EngineConfig
from engine.models.engine_output import AgentOutputItem, EngineStreamEvent
from engine.models.messages import AgentMessage

Event = TypeVar("Event")


async def stream_engine_async(
    messages: list[AgentMessage],
    engine_config: EngineConfig,
    trace_paths: Path | Sequence[Path],
    *,
    telemetry: bool = False,
) -> AsyncGenerator[EngineStreamEvent, None]:
    """Every event of a run as it happens; closing the generator ends the run and all that it started."""
    from engine.streaming import events_of_files

    paths = [Path(trace_paths)] if isinstance(trace_paths, str | Path) else list(trace_paths)
    async with aclosing(events_of_files(messages, engine_config, paths, telemetry=telemetry)) as events:
        async for event in events:
            yield event


async def stream_engine_output_async(
    messages: list[AgentMessage],
    engine_config: EngineConfig,
    trace_paths: Path | Sequence[Path],
    *,
    telemetry: bool = False,
) -> AsyncGenerator[AgentOutputItem, None]:
    """The finished messages of a run as they come."""
    async with aclosing(stream_engine_async(messages, engine_config, trace_paths, telemetry=telemetry)) as events:
        async for event in events:
            if isinstance(event, AgentOutputItem):
                yield event


async def run_engine_async(
    messages: list[AgentMessage],
    engine_config: EngineConfig,
    trace_paths: Path | Sequence[Path],
    *,
    telemetry: bool = False,
) -> list[AgentOutputItem]:
    """All finished messages of a run, when it has ended."""
    async with aclosing(stream_engine_output_async(messages, engine_config, trace_paths, telemetry=telemetry)) as items:
        return [item async for item in items]


def stream_engine(
    messages: list[AgentMessage],
    engine_config: EngineConfig,
    trace_paths: Path | Sequence[Path],
    *,
    telemetry: bool = False,
) -> Generator[EngineStreamEvent, None, None]:
    """`stream_engine_async` for callers without an event loop; the run goes on while the next event is waited for."""
    yield from _driven(stream_engine_async(messages, engine_config, trace_paths, telemetry=telemetry))


def stream_engine_output(
    messages: list[AgentMessage],
    engine_config: EngineConfig,
    trace_paths: Path | Sequence[Path],
    *,
    telemetry: bool = False,
) -> Generator[AgentOutputItem, None, None]:
    """`stream_engine_output_async` for callers without an event loop."""
    yield from _driven(stream_engine_output_async(messages, engine_config, trace_paths, telemetry=telemetry))


def run_engine(
    messages: list[AgentMessage],
    engine_config: EngineConfig,
    trace_paths: Path | Sequence[Path],
    *,
    telemetry: bool = False,
) -> list[AgentOutputItem]:
    """`run_engine_async` for callers without an event loop."""
    return asyncio.run(run_engine_async(messages, engine_config, trace_paths, telemetry=telemetry))


def _driven(events: AsyncGenerator[Event, None]) -> Generator[Event, None, None]:
    """Pull an asynchronous generator along on a private event loop, and close both in the end."""

    async def following() -> tuple[Event, ...]:
        async for event in events:
            return (event,)
        return ()

    with asyncio.Runner() as runner:
        try:
            while found := runner.run(following()):
                yield found[0]
        finally:
            runner.run(_closed(events))


async def _closed(events: AsyncGenerator[Event, None]) -> None:
    await events.aclose()
