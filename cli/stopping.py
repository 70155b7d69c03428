"""When and how the sidecar stops: asked by a signal, or because nothing came for long; in order, within a deadline.

Ending at once is safe at any moment, since what was acknowledged is on disk. Stopping in order spares senders a
refusal, targets a delay and the next start some work.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Self

import structlog
from pydantic import Field, model_validator

from domain.component import ComponentConfig
from domain.quantities import Duration

SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOOKS_A_PERIOD = 10
_log = structlog.get_logger(__name__)


class ShutdownConfig(ComponentConfig):
    """The `shutdown` part of halo.yaml."""

    deadline: Duration = Field(
        default=timedelta(seconds=25),
        description="How long stopping may take; then the process ends at once. Less than the pod's grace period.",
    )
    linger: Duration = Field(
        default=timedelta(0),
        description="How long to go on receiving after SIGTERM: an application's last spans come while its pod stops.",
    )

    @model_validator(mode="after")
    def _lingers_within_the_deadline(self) -> Self:
        if self.linger and self.linger >= self.deadline:
            raise ValueError("linger must be shorter than deadline; lower linger or raise deadline")
        return self


class Stopping:
    """Waits for the reason to stop; a second signal, or the deadline, ends the process."""

    def __init__(self, config: ShutdownConfig) -> None:
        self._config = config
        self._asked = asyncio.Event()

    def listen(self) -> None:
        """Take the process's signals."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)

    def ask(self, reason: str) -> None:
        """Begin to stop."""
        if self._asked.is_set():
            return
        _log.info("stopping", reason=reason)
        self._asked.set()
        deadline_s = self._config.deadline.total_seconds()
        asyncio.get_running_loop().call_later(deadline_s, _give_up, f"not stopped within {deadline_s:g} s")

    async def asked(self) -> None:
        """Wait until it is asked for."""
        await self._asked.wait()

    async def linger(self) -> None:
        """Give the application the time to send its last spans."""
        await asyncio.sleep(self._config.linger.total_seconds())

    async def ask_when_idle(self, requests: Callable[[], float], idle: timedelta) -> None:
        """Ask as soon as the number of requests has not grown for so long."""
        period_s = idle.total_seconds()
        seen, quiet_s = requests(), 0.0
        while quiet_s < period_s:
            await asyncio.sleep(period_s / _LOOKS_A_PERIOD)
            now = requests()
            quiet_s = quiet_s + period_s / _LOOKS_A_PERIOD if now == seen else 0.0
            seen = now
        self.ask(f"no request for {period_s:g} s")

    def _on_signal(self, number: signal.Signals) -> None:
        if self._asked.is_set():
            _give_up("second signal")
        self.ask(number.name)


def _give_up(reason: str) -> None:
    _log.warning("stopped_at_once", reason=reason)
    sys.stderr.flush()
    os._exit(1)
