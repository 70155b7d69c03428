"""SIGHUP: the configuration read again, and what can be changed while the ports stay open is changed.

A wrong configuration changes nothing. Processors and the log's level and format are swapped; of everything else that
differs the log says that it needs a restart, and it stays as it was.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from types import TracebackType
from typing import Self

import structlog

from cli.config import HaloConfig
from collector.keeping import Keeper
from collector.pipeline import processing
from domain.errors import ConfigError
from telemetry.logs import configure_logs
from telemetry.metrics import CONFIG_RELOADS

_SWAPPED = ("processors", "logging")
_log = structlog.get_logger(__name__)


class Reloading:
    """Runs the processors of the configuration in force, and changes it on SIGHUP, while its `async with` lasts."""

    def __init__(self, config: HaloConfig, read: Callable[[], HaloConfig], keeper: Keeper) -> None:
        self._config = config
        self._read = read
        self._keeper = keeper
        self._asked = asyncio.Event()
        self._processors = AsyncExitStack()
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the processors; ConfigError when one cannot start."""
        await self._swap(self._config)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._asked.set)
        self._serving = asyncio.create_task(self._serve(), name="reload")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # its default would end the process while it stops in order
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        await self._processors.aclose()

    async def _serve(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            CONFIG_RELOADS.labels(await self._reload()).inc()

    async def _reload(self) -> str:
        """What became of it: `applied`, `unchanged`, `needs_restart` or `rejected`."""
        try:
            wanted = await asyncio.to_thread(self._read)
            changed = [field.name for field in fields(wanted) if _differs(self._config, wanted, field.name)]
            if "processors" in changed:
                await self._swap(wanted)
        except ConfigError as error:
            for problem in error.problems:
                _log.error("configuration_rejected", problem=problem)
            return "rejected"
        configure_logs(wanted.logging.level, wanted.logging.format)
        self._config = replace(self._config, processors=wanted.processors, logging=wanted.logging)
        left = [name for name in changed if name not in _SWAPPED]
        _log.info("configuration_read", applied=[name for name in changed if name in _SWAPPED], needs_restart=left)
        return "needs_restart" if left else "applied" if changed else "unchanged"

    async def _swap(self, wanted: HaloConfig) -> None:
        """The new processors first; the old ones leave when no request is with them any more."""
        before, started = self._processors, AsyncExitStack()
        left = self._keeper.use(await started.enter_async_context(processing(wanted.processors)))
        self._processors = started
        await left.wait()
        await before.aclose()


def _differs(before: HaloConfig, after: HaloConfig, name: str) -> bool:
    return bool(getattr(before, name) != getattr(after, name))
