"""A finding in one report: its id there, and when what it tells was seen."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from analysis.detecting import Measure
from analysis.facts import FactWindow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def finding_id(report_id: str, identity: str) -> str:
    """The id of a finding in one report; `identity` is its fingerprint."""
    return sha256(f"{report_id}/{identity}".encode()).hexdigest()[:16]


def seen_between(window: FactWindow, measure: Measure) -> tuple[int, int]:
    """When the first affected span began and the last one ended, in nanoseconds since the epoch."""
    spans = [window.by_ref[ref] for ref in measure.affected if ref in window.by_ref]
    first = min((span.start_ns for span in spans), default=0)
    return first, max((max(span.end_ns, span.start_ns) for span in spans), default=0)


def moment(nanoseconds: int) -> datetime:
    """A time as reports state it, to the microsecond."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)
