"""A log line at most once a minute for what may happen a thousand times a second; the counts add up until then."""

from collections.abc import Callable, Hashable

EVERY_S = 60.0


class Seldom:
    """Says when it is time to speak about something again; `now` is a clock in seconds that never goes back."""

    def __init__(self, now: Callable[[], float], every_s: float = EVERY_S) -> None:
        self._now = now
        self._every_s = every_s
        self._spoke_at: dict[Hashable, float] = {}
        self._unsaid: dict[Hashable, int] = {}

    def due(self, what: Hashable, count: int = 1) -> int:
        """How many to speak of now, those kept back before included; 0 when it was said less than a minute ago."""
        self._unsaid[what] = self._unsaid.get(what, 0) + count
        now = self._now()
        spoke_at = self._spoke_at.get(what)
        if spoke_at is not None and now - spoke_at < self._every_s:
            return 0
        self._spoke_at[what] = now
        return self._unsaid.pop(what)
