"""Times in requests: ISO 8601, taken as UTC when they name no zone, and look-back ranges such as 24h."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator

from api.asking import RequestError
from domain.quantities import parse_duration

TimeRange = Literal["1h", "6h", "12h", "1d", "3d", "7d", "14d", "30d", "90d"]


LAST = datetime(2262, 1, 1, tzinfo=UTC)
"""What comes later does not fit the 64-bit nanoseconds in which spans tell their times."""


def as_utc(time: datetime) -> datetime:
    """The time in UTC; a time without a zone is UTC already. ValueError beyond the calendar, and after 2261."""
    try:
        utc = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{time.isoformat()} is out of range; use a time from 0001 to 2261") from None
    if utc >= LAST:
        raise ValueError(f"{time.isoformat()} is out of range; use a time before {LAST:%Y}")
    return utc


UtcTime = Annotated[datetime, AfterValidator(as_utc)]


def nanoseconds(time: datetime) -> int:
    """Nanoseconds since the Unix epoch; never negative."""
    return max(0, (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000)


def since(text: str, now: datetime) -> datetime:
    """A moment in the past: a duration before now (`24h`), or an ISO 8601 time."""
    try:
        return now - parse_duration(text)
    except OverflowError:
        return datetime(1970, 1, 1, tzinfo=UTC)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError(400, f"since: {text!r} is no time; write a duration (24h) or an ISO 8601 time") from None
    try:
        return as_utc(time)
    except ValueError as error:
        raise RequestError(400, f"since: {error}") from None
