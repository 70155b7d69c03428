"""Times as models write them, compared as times: an offset counts, and what is left out is filled up."""

import re
from datetime import UTC, datetime

_SECOND_NS = 1_000_000_000
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*(Z|z|[+-]\d\d:?\d\d)?)?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_ns(text: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 time, UTC without an offset; ValueError tells what is accepted."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time; write it like 2026-01-31T08:00:00Z, or as a day like 2026-01-31")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        whole = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError as error:
        raise ValueError(f"{text!r} is no time ({error})") from error
    since = whole - _EPOCH
    seconds = since.days * 86_400 + since.seconds - _offset_s(offset or "Z")
    return seconds * _SECOND_NS + int((fraction or "").ljust(9, "0"))


def _offset_s(offset: str) -> int:
    if offset in "Zz":
        return 0
    seconds = int(offset[1:3]) * 3_600 + int(offset[-2:]) * 60
    return -seconds if offset[0] == "-" else seconds
