"""When schedules fire: against a walk through every minute that knows nothing of cron."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.runs import Cadence
from scheduler.cadence import cadence_problems, cron_expression, latest_fire, next_fire, tidied, used_fields

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
)
DAY = timedelta(days=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def daily(hours: tuple[int, ...], minutes: tuple[int, ...], timezone: str = "UTC") -> Cadence:
    return Cadence(frequency="daily", hours=hours, minutes=minutes, timezone=timezone)


def fires(cadence: Cadence, after: datetime, count: int) -> list[datetime]:
    found = []
    for _ in range(count):
        after = next_fire(cadence, after)
        found.append(after)
    return found


def first_existing(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a local time; of a skipped one the first minute that exists after it."""
    while True:
        instant = local.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == local:
            return instant
        local += timedelta(minutes=1)


def walked(cadence: Cadence, after: datetime) -> Iterator[datetime]:
    """Slots after an instant, minute by minute or day by day."""
    zone = ZoneInfo(cadence.timezone)
    if cadence.frequency == "hourly":
        minute = after.replace(second=0, microsecond=0)
        while True:
            minute += timedelta(minutes=1)
            if minute.astimezone(zone).minute in cadence.minutes:
                yield minute
    day, last = after.astimezone(zone).date() - DAY, after
    while True:
        wanted = {
            "daily": True,
            "weekly": day.isoweekday() % 7 in cadence.days_of_week,
            "monthly": day.day in cadence.days_of_month,
        }[cadence.frequency]
        times = [time(hour, minute) for hour in cadence.hours for minute in cadence.minutes] if wanted else []
        for slot in sorted(first_existing(datetime.combine(day, each), zone) for each in times):
            if slot > last:
                last = slot
                yield slot
        day += DAY


def numbers(low: int, high: int, most: int = 3) -> st.SearchStrategy[tuple[int, ...]]:
    return st.sets(st.integers(low, high), min_size=1, max_size=most).map(lambda found: tuple(sorted(found)))


@st.composite
def cadences(draw: st.DrawFn) -> Cadence:
    frequency = draw(st.sampled_from(["hourly", "daily", "weekly", "monthly"]))
    ranges = {"minutes": (0, 59), "hours": (0, 23), "days_of_week": (0, 6), "days_of_month": (1, 31)}
    lists = {name: draw(numbers(*ranges[name])) for name in used_fields(frequency)}
    return Cadence(frequency=frequency, timezone=draw(st.sampled_from(ZONES)), **lists)


def transitions() -> list[datetime]:
    """The days around which clocks changed somewhere."""
    days = [utc(2011, 12, 28) + number * DAY for number in range(2 * 366)]
    return [
        day
        for day in days
        if any(len({(day + n * DAY).astimezone(ZoneInfo(z)).utcoffset() for n in (0, 1)}) > 1 for z in ZONES)
    ]


INSTANTS = st.one_of(
    st.datetimes(datetime(2012, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.builds(
        lambda day, seconds: day + timedelta(seconds=seconds), st.sampled_from(transitions()), st.integers(0, 90_000)
    ),
)


@settings(deadline=None)
@given(cadence=cadences(), after=INSTANTS)
def test_the_next_slots_are_those_of_a_walk_through_time(cadence, after):
    """A slot too many is a report nobody asked for, one too few a night without."""
    walk = walked(cadence, after)

    assert cadence_problems(cadence) == []
    assert fires(cadence, after, 3) == [next(walk) for _ in range(3)]


@settings(deadline=None)
@given(cadence=cadences(), after=INSTANTS, span=st.timedeltas(timedelta(0), timedelta(days=70)))
def test_the_latest_slot_is_the_last_of_all_that_passed(cadence, after, span):
    """After being away only the last missed slot is made up for, so it must be the right one."""
    passed = None
    for slot in walked(cadence, after):
        if slot > after + span:
            break
        passed = slot

    assert latest_fire(cadence, after, after + span) == passed


def test_a_year_of_missed_slots_is_not_walked_through():
    """A sidecar that was off for long must not spend minutes on finding out what it missed."""
    every_minute = Cadence(frequency="hourly", minutes=tuple(range(60)))

    assert latest_fire(every_minute, utc(1990, 1, 1), utc(2026, 1, 1, 0, 0, 30)) == utc(2026, 1, 1)
    new_year = Cadence(frequency="monthly", minutes=(0,), hours=(0,), days_of_month=(1,))
    assert latest_fire(new_year, utc(1990, 1, 1), utc(2026, 1, 31)) == utc(2026, 1, 1)


def test_a_slot_in_the_hour_that_is_skipped_fires_when_it_is_over():
    """On 29 March 2026 clocks in Berlin went from 02:00 to 03:00."""
    berlin = daily((2,), (30,), "Europe/Berlin")

    assert fires(berlin, utc(2026, 3, 28, 0, 0), 3) == [
        utc(2026, 3, 28, 1, 30),
        utc(2026, 3, 29, 1),
        utc(2026, 3, 30, 0, 30),
    ]


def test_a_slot_in_the_hour_that_is_repeated_fires_once():
    """On 25 October 2026 clocks in Berlin went from 03:00 back to 02:00."""
    berlin = daily((2,), (30,), "Europe/Berlin")

    assert fires(berlin, utc(2026, 10, 24, 12), 2) == [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]
    assert next_fire(berlin, utc(2026, 10, 25, 1, 15)) == utc(2026, 10, 26, 1, 30)


def test_hourly_slots_follow_real_time_when_clocks_change():
    """An hour is an hour; otherwise one in autumn would be looked at by nobody."""
    berlin = Cadence(frequency="hourly", minutes=(30,), timezone="Europe/Berlin")

    assert fires(berlin, utc(2026, 10, 24, 23, 45), 3) == [utc(2026, 10, 25, hour, 30) for hour in (0, 1, 2)]


def test_sunday_is_0():
    """As in the flags; ISO would say 7, Python 6."""
    sundays = Cadence(frequency="weekly", minutes=(0,), hours=(6,), days_of_week=(0,))

    assert fires(sundays, utc(2026, 3, 2), 2) == [utc(2026, 3, 8, 6), utc(2026, 3, 15, 6)]
    assert cron_expression(sundays) == "0 6 * * 0"


def test_a_day_that_a_month_does_not_have_is_passed_over():
    """Moving it to another day would surprise more than leaving it out."""
    last_days = Cadence(frequency="monthly", minutes=(0,), hours=(0,), days_of_month=(30, 31))

    assert fires(last_days, utc(2026, 1, 30), 4) == [
        utc(2026, 1, 31),
        utc(2026, 3, 30),
        utc(2026, 3, 31),
        utc(2026, 4, 30),
    ]


def test_a_slot_is_after_the_instant_not_at_it():
    """Else a slot that has just fired would fire again."""
    noon = daily((12,), (0,))

    assert next_fire(noon, utc(2026, 3, 2, 11, 59, 59)) == utc(2026, 3, 2, 12)
    assert next_fire(noon, utc(2026, 3, 2, 12)) == utc(2026, 3, 3, 12)


@pytest.mark.parametrize(
    ("cadence", "problems"),
    [
        (
            Cadence(frequency="weekly", minutes=()),
            [
                "minutes: required for weekly schedules; give at least one of 0 to 59",
                "hours: required for weekly schedules; give at least one of 0 to 23",
                "days_of_week: required for weekly schedules; give at least one of 0 to 6",
            ],
        ),
        (
            Cadence(frequency="monthly", minutes=(60, -1), hours=(24,), days_of_month=(0, 32)),
            [
                "minutes: -1, 60 is out of range; use 0 to 59",
                "hours: 24 is out of range; use 0 to 23",
                "days_of_month: 0, 32 is out of range; use 1 to 31",
            ],
        ),
        (
            Cadence(frequency="hourly", minutes=(0,), hours=(3,), days_of_month=(1,)),
            [
                "hours: not used by hourly schedules; leave it out or choose daily, weekly or monthly",
                "days_of_month: not used by hourly schedules; leave it out or choose monthly",
            ],
        ),
        (
            Cadence(frequency="hourly", minutes=(0,), timezone="Europe/Berln"),
            ["timezone: unknown time zone 'Europe/Berln'; did you mean Europe/Berlin?"],
        ),
        (
            Cadence(frequency="hourly", minutes=(0,), timezone="../../etc/passwd"),
            ["timezone: unknown time zone '../../etc/passwd'; use an IANA name such as Europe/Berlin or UTC"],
        ),
    ],
)
def test_each_mistake_in_a_cadence_is_named_with_its_fix(cadence, problems):
    """All at once, so that a person corrects them at once."""
    assert cadence_problems(cadence) == problems


def test_lists_are_tidied():
    """So that equal schedules look equal."""
    messy = Cadence(frequency="daily", minutes=(30, 0, 30), hours=(9, 3))

    assert tidied(messy) == Cadence(frequency="daily", minutes=(0, 30), hours=(3, 9))
