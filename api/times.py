"""Times in requests: ISO 8601, taken as UTC when they name no zone, and look-back ranges such as 24h."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator

from api.asking import RequestError
from domain.quantities import parse_duration

TimeRange = Literal["1h", "6h", "12h", "1d", "3d", "7d", "14d", "30d", "90d"]


def as_utc(time: datetime) -> datetime:
    """The time in UTC; a time without a zone is UTC already."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


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
        return as_utc(datetime.fromisoformat(text))
    except ValueError:
        raise RequestError(400, f"since: {text!r} is no time; write a duration (24h) or an ISO 8601 time") from None
