"""When to try a target again: later and later while it fails, one attempt at a time, so that nothing is ever busy.

While a target works, requests go there side by side. After a failure they queue up behind one another, and each
attempt waits for the back-off; the first success lets all go again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from collector.outgoing.settings import RetryOnFailure
from domain.errors import PermanentError, RetryableError

MAX_RETRY_AFTER_S = 3_600.0
_log = structlog.get_logger(__name__)
Pause = Callable[[float], Awaitable[object]]
_Answer = TypeVar("_Answer")


class Circuit:
    """Guards the target of one forwarder; `now` is a clock in seconds that never goes back, `chance` is in [0, 1)."""

    def __init__(
        self, name: str, retry: RetryOnFailure, *, now: Callable[[], float], chance: Callable[[], float], pause: Pause
    ) -> None:
        self._name = name
        self._retry = retry
        self._now = now
        self._chance = chance
        self._sleep = pause
        self._one_at_a_time = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._failures = 0
        self._failing_since_s = 0.0
        self._resume_at_s = 0.0

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt failed for a passing reason."""
        return self._failures > 0

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    @property
    def failing_s(self) -> float:
        """How long the target has failed."""
        return self._now() - self._failing_since_s if self._failures else 0.0

    def stop(self) -> None:
        """End all waiting; a target that fails is not tried again."""
        self._stopping.set()

    async def attempt(self, send: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """The answer, once the target may be tried; RetryableError when that failed and can be tried again."""
        if not self._failures:
            return await self._observed(send)
        async with self._one_at_a_time:
            if self._failures:
                await self.pause(self._resume_at_s - self._now())
                if self._stopping.is_set():
                    raise RetryableError("the sidecar is stopping")
                return await self._observed(send)
        return await self._observed(send)

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until `stop`."""
        if seconds <= 0 or self._stopping.is_set():
            return
        waits = {asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._stopping.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _observed(self, send: Callable[[], Awaitable[_Answer]]) -> _Answer:
        known = self._failures
        try:
            answer = await send()
        except PermanentError:
            self._failures = 0  # it answered
            raise
        except RetryableError as error:
            self._failed(known, error.retry_after_s)
            raise
        except Exception as error:
            self._failed(known, None)
            raise RetryableError(f"{type(error).__name__}: {error}") from error
        if self._failures:
            _log.info("forward_recovered", forwarder=self._name, failed_s=round(self.failing_s, 1))
        self._failures = 0
        return answer

    def _failed(self, known: int, asked_s: float | None) -> None:
        """Count a failure; several that were under way together are one."""
        if not self._failures:
            self._failing_since_s = self._now()
        if known == self._failures:
            self._failures += 1
        delay_s = retry_delay_s(self._retry, self._failures - 1, asked_s, self._chance())
        self._resume_at_s = max(self._resume_at_s, self._now() + delay_s)


def retry_delay_s(retry: RetryOnFailure, failures: int, asked_s: float | None, chance: float) -> float:
    """The wait after a failure that followed `failures` others, in seconds.

    It grows by `multiplier` up to `max_interval`, more or less by `randomization_factor`; what the target asked for
    counts when it is longer, up to an hour.
    """
    longest = retry.max_interval.total_seconds()
    grown = retry.initial_interval.total_seconds() * retry.multiplier ** min(failures, 60)
    jitter = 1 + retry.randomization_factor * (2 * chance - 1)
    return max(min(longest, grown) * jitter, min(asked_s or 0.0, MAX_RETRY_AFTER_S))
