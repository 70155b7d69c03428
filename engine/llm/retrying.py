"""The one layer that asks a model again: how often, after which wait, and when not at all.

The client underneath never retries: two layers multiply their requests, and the inner one hides what it costs.
A wait is drawn at random between nothing and a bound that doubles (full jitter), so that agents which were turned
away together do not come back together; what an endpoint asks for in `Retry-After` goes before it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.errors import PermanentError, RetryableError
from engine.llm.failures import Failure, advice, describe, verdict
from engine.llm.model import ContextOverflowError, ModelAnswer

FIRST_BOUND_S = 0.5
LAST_BOUND_S = 30.0
LONGEST_RETRY_AFTER_S = 120.0

Attempt = Callable[[], Awaitable[ModelAnswer | Failure]]


@dataclass(frozen=True)
class Retrying:
    """Asks at most `attempts` times; `endpoint` names who is asked, `on_retry` is told each reason in one line.

    `sleep` waits for seconds; `random` draws from [0, 1).
    """

    attempts: int
    endpoint: str
    on_retry: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[], float]

    async def answer(self, attempt: Attempt) -> ModelAnswer:
        """The first answer of `attempt`; the errors are those of `engine.llm.model.Model.answer`."""
        for made in range(1, self.attempts + 1):
            outcome = await attempt()
            if isinstance(outcome, ModelAnswer):
                return outcome
            wait = self._wait_s(outcome, made)
            self.on_retry(
                f"{describe(outcome, self.endpoint)}; asking again in {wait:.1f} s ({made + 1} of {self.attempts})"
            )
            await self.sleep(wait)
        raise AssertionError("attempts is at least 1")

    def _wait_s(self, failure: Failure, made: int) -> float:
        """Seconds until the next attempt; raises when there is to be none."""
        line = describe(failure, self.endpoint)
        kind = verdict(failure)
        if kind == "overflow":
            raise ContextOverflowError(f"{line}; the messages are too long for this model")
        if kind == "permanent":
            raise PermanentError("; ".join(filter(None, [line, advice(failure)])))
        asked = failure.retry_after_s
        if made == self.attempts:
            tries = "1 attempt" if made == 1 else f"{made} attempts"
            raise RetryableError(f"{line}; gave up after {tries}, try again later", retry_after_s=asked)
        if asked is not None and asked > LONGEST_RETRY_AFTER_S:
            raise RetryableError(f"{line}; it asks to wait {asked:.0f} s, try again then", retry_after_s=asked)
        return backoff_s(made, self.random()) if asked is None else asked


def backoff_s(made: int, draw: float) -> float:
    """Seconds to wait after `made` failed attempts, for a `draw` from [0, 1)."""
    return draw * min(LAST_BOUND_S, FIRST_BOUND_S * 2.0 ** min(made - 1, 16))
