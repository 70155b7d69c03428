"""A row of rates as one line of text."""

from collections.abc import Iterable

LEVELS = "▁▂▃▄▅▆▇█"
NONE = "·"


def sparkline(rates: Iterable[float | None]) -> str:
    """One character a rate (0 to 1, the lowest bar is exactly zero); a dot where there was no opportunity."""
    return "".join(NONE if rate is None else _bar(rate) for rate in rates)


def _bar(rate: float) -> str:
    if rate <= 0:
        return LEVELS[0]
    steps = len(LEVELS) - 1
    return LEVELS[max(1, min(steps, round(rate * steps)))]
