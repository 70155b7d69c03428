"""When a schedule fires: a cadence as a cron expression, and the instants that follow from it.

Days and hours are those of the cadence's time zone. Where clocks go forward, a slot in the skipped hour fires
when the hour is over; where they go back, a slot in the repeated hour fires once, the first time; hourly slots
follow real time and fire in both. A day that a month does not have is passed over. Where clocks change by half
an hour (Lord Howe Island), cronsim may pass over one hourly slot at the change.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim

from domain.runs import Cadence, Frequency

_RANGES: Mapping[str, tuple[int, int]] = {
    "minutes": (0, 59),
    "hours": (0, 23),
    "days_of_week": (0, 6),
    "days_of_month": (1, 31),
}
_USED: Mapping[Frequency, tuple[str, ...]] = {
    "hourly": ("minutes",),
    "daily": ("minutes", "hours"),
    "weekly": ("minutes", "hours", "days_of_week"),
    "monthly": ("minutes", "hours", "days_of_month"),
}
_HORIZONS = tuple(timedelta(days=days) for days in (1 / 24, 1, 8, 62, 800))


def used_fields(frequency: Frequency) -> tuple[str, ...]:
    """The lists that a frequency needs, and may have."""
    return _USED[frequency]


def tidied(cadence: Cadence) -> Cadence:
    """The same cadence with its lists sorted and without repeats."""
    return cadence.model_copy(update={name: tuple(sorted(set(getattr(cadence, name)))) for name in _RANGES})


def cadence_problems(cadence: Cadence) -> list[str]:
    """What is wrong with a cadence, one line each (field: what; fix); empty when it can be scheduled."""
    problems = []
    used = _USED[cadence.frequency]
    for name, (low, high) in _RANGES.items():
        values = getattr(cadence, name)
        outside = sorted({value for value in values if not low <= value <= high})
        if outside:
            problems.append(f"{name}: {', '.join(map(str, outside))} is out of range; use {low} to {high}")
        elif name in used and not values:
            problems.append(f"{name}: required for {cadence.frequency} schedules; give at least one of {low} to {high}")
        elif name not in used and values:
            problems.append(f"{name}: not used by {cadence.frequency} schedules; leave it out or choose {_users(name)}")
    if cadence.timezone not in _zones():
        near = get_close_matches(cadence.timezone, _zones(), n=1)
        fix = f"did you mean {near[0]}?" if near else "use an IANA name such as Europe/Berlin or UTC"
        problems.append(f"timezone: unknown time zone {cadence.timezone[:80]!r}; {fix}")
    return problems


def _users(name: str) -> str:
    *others, last = (frequency for frequency, used in _USED.items() if name in used)
    return f"{', '.join(others)} or {last}" if others else last


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def cron_expression(cadence: Cadence) -> str:
    """The five fields of cron: minute, hour, day of month, month, day of week (0 is Sunday)."""
    used = _USED[cadence.frequency]
    minutes, hours, week, month = (
        ",".join(map(str, getattr(cadence, name))) if name in used else "*" for name in _RANGES
    )
    return f"{minutes} {hours} {month} * {week}"


def next_fire(cadence: Cadence, after: datetime) -> datetime | None:
    """The first slot after an instant, in UTC; None when there is none within 50 years."""
    return next(_slots(cadence, after), None)


def latest_fire(cadence: Cadence, after: datetime, until: datetime) -> datetime | None:
    """The last slot in (after, until], in UTC; None when there is none.

    Looks back in growing steps, so that a year of missed slots is not walked through one by one.
    """
    for horizon in (*_HORIZONS, until - after):
        start = max(after, until - horizon)
        latest = None
        for slot in _slots(cadence, start):
            if slot > until:
                break
            latest = slot
        if latest is not None or start == after:
            return latest
    return None


def _slots(cadence: Cadence, after: datetime) -> Iterator[datetime]:
    """Slots after an instant, each once and in order.

    In a repeated hour, cron's local arithmetic starts over from the first of the two, hence the comparison.
    """
    last = after.astimezone(UTC)
    for local in CronSim(cron_expression(cadence), last.astimezone(ZoneInfo(cadence.timezone))):
        slot = local.astimezone(UTC)
        if slot > last:
            last = slot
            yield slot
