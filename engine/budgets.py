"""What one run may cost, in tokens, money and time, over all its agents together."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.llm.model import ModelUsage

RESERVED_SHARE = 0.1
"""The part of every limit that is kept for telling what was found when the rest is spent."""


@dataclass(frozen=True)
class BudgetLimits:
    """Limits of a run; None means none. Seconds are of wall-clock time from the run's start."""

    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None


class Budget:
    """The account of a run: what was spent, and which limit has been reached.

    `clock` gives seconds of a monotonic clock. A price that is unknown makes the sum of money unknown, never zero.
    """

    def __init__(self, limits: BudgetLimits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.usage = ModelUsage()
        self.usd: float | None = 0.0
        self._clock = clock
        self._began = clock()

    def charge(self, usage: ModelUsage, usd: float | None) -> None:
        """Add what calls used; `usd` is None when the model's price is unknown."""
        self.usage += usage
        self.usd = None if usd is None or self.usd is None else self.usd + usd

    def resume(self, usage: ModelUsage, usd: float | None, seconds: float) -> None:
        """Take over what was spent before the run was cut off."""
        self.usage, self.usd = usage, usd
        self._began = self._clock() - seconds

    @property
    def seconds(self) -> float:
        """Wall-clock time since the run began."""
        return self._clock() - self._began

    @property
    def seconds_left(self) -> float | None:
        """Wall-clock time until the limit, zero when it has passed; None without a limit."""
        return None if self.limits.seconds is None else max(self.limits.seconds - self.seconds, 0.0)

    def spent(self) -> str:
        """Which limit is used up but for its reserve, in words, or an empty text."""
        return self._beyond(1.0 - RESERVED_SHARE)

    def exceeded(self) -> str:
        """Which limit is used up together with its reserve, in words, or an empty text."""
        return self._beyond(1.0)

    def short_of(self, turn_tokens: int) -> str:
        """In words, that a turn of so many tokens and an answer after it are more than is left; else an empty text."""
        limit = self.limits.tokens
        if limit is None or self.usage.tokens + 2 * turn_tokens <= limit:
            return ""
        return f"the budget of {limit:,} tokens has no room for another turn ({self.usage.tokens:,} used)"

    def _beyond(self, share: float) -> str:
        limits = self.limits
        if limits.tokens is not None and self.usage.tokens >= share * limits.tokens:
            return f"the budget of {limits.tokens:,} tokens is spent ({self.usage.tokens:,} used)"
        if limits.usd is not None and self.usd is not None and self.usd >= share * limits.usd:
            return f"the budget of ${limits.usd:,.2f} is spent (${self.usd:,.4f} used)"
        if limits.seconds is not None and self.seconds >= share * limits.seconds:
            return f"the budget of {limits.seconds:,.0f} seconds is spent ({self.seconds:,.1f} used)"
        return ""
