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

    `clock` gives seconds of a monotonic clock. A price that is unknown makes the sum of money unknown, never zero; the
    limit holds for `known_usd`, what the calls with a price have cost.
    """

    def __init__(self, limits: BudgetLimits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.usage = ModelUsage()
        self.known_usd = 0.0
        self._all_priced = True
        self._clock = clock
        self._began = clock()

    def charge(self, usage: ModelUsage, usd: float | None) -> None:
        """Add what calls used; `usd` is None when the model's price is unknown."""
        self.usage += usage
        self.known_usd += usd or 0.0
        self._all_priced = self._all_priced and usd is not None

    def resume(self, usage: ModelUsage, usd: float | None, seconds: float, known_usd: float = 0.0) -> None:
        """Take over what was spent before the run was cut off; `known_usd` matters where `usd` is None."""
        self.usage, self._all_priced = usage, usd is not None
        self.known_usd = known_usd if usd is None else usd
        self._began = self._clock() - seconds

    @property
    def usd(self) -> float | None:
        """What all calls have cost; None when one of them has no known price."""
        return self.known_usd if self._all_priced else None

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
        if limits.usd is not None and self.known_usd >= share * limits.usd:
            part = "" if self._all_priced else ", not counting models without a price"
            return f"the budget of ${limits.usd:,.2f} is spent (${self.known_usd:,.4f} used{part})"
        if limits.seconds is not None and self.seconds >= share * limits.seconds:
            return f"the budget of {limits.seconds:,.0f} seconds is spent ({self.seconds:,.1f} used)"
        return ""
