"""Numbers as people read them; every figure is written by these functions, so all renderings agree."""

from datetime import UTC, datetime

from domain.report import Counts, Scalar, Waste


def count(number: int, noun: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def short(number: int) -> str:
    """A large number as it is said: `1.2 M`, `48 k`; the whole number below ten thousand."""
    if number < 10_000:
        return f"{number:,}"
    return f"{number / 1e6:,.1f} M" if number >= 999_500 else f"{number / 1e3:,.0f} k"


def scalar(value: Scalar) -> str:
    """What a query computes beside counts, as text."""
    if value is None:
        return "not known"
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def percent(rate: float) -> str:
    """A fraction of one as a percentage; one decimal where whole percents would hide the difference."""
    value = rate * 100
    return f"{value:.1f} %" if 0 < value < 10 or 99 < value < 100 else f"{value:.0f} %"


def interval(counts: Counts) -> str:
    """The 95 % interval of the rate."""
    return f"95 % interval {percent(counts.ci_low)} to {percent(counts.ci_high)}"


def rate(counts: Counts) -> str:
    """`63 of 64 (98 %; 95 % interval 92 % to 99.7 %)`."""
    return f"{counts.affected_spans:,} of {counts.opportunities:,} ({percent(counts.rate)}; {interval(counts)})"


def duration(seconds: float) -> str:
    """Seconds below two minutes, then minutes, then hours."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:,.1f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def minutes(seconds: float) -> str:
    """Minutes, seconds below one."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:,.1f} minutes"


def waste(cost: Waste) -> str:
    """What affected work cost: an upper bound, since some of it may have been needed anyway."""
    parts = _costs(cost)
    return f"at most {' and '.join(parts)}" if parts else "nothing that was recorded"


def waste_cell(cost: Waste) -> str:
    """The same bound for a table whose heading says what it is."""
    return "≤ " + ", ".join(_costs(cost)) if _costs(cost) else ""


def _costs(cost: Waste) -> list[str]:
    parts = [count(cost.tokens, "token")] if cost.tokens else []
    return [*parts, minutes(cost.seconds)] if cost.seconds else parts


def moment(time: datetime) -> str:
    """A time in UTC to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
