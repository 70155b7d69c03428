"""Times as models write them."""

import pytest
from pydantic import ValidationError

from engine.querying.filters import TraceFilters
from engine.querying.moments import moment_ns

SECOND = 1_000_000_000


def test_an_offset_is_part_of_a_time() -> None:
    """Compared as text, 09:00+02:00 would lie after 08:00Z; it lies an hour before."""
    assert moment_ns("2026-01-01T09:00:00+02:00") == moment_ns("2026-01-01T08:00:00Z") - 3600 * SECOND
    assert moment_ns("2026-01-01T09:00:00-0130") == moment_ns("2026-01-01T10:30:00Z")


def test_what_is_left_out_of_a_time_is_its_beginning() -> None:
    """A day, a month or a year is a time too, and nanoseconds are kept."""
    assert (
        moment_ns("2026") == moment_ns("2026-01-01") == moment_ns("2026-01-01T00:00") == moment_ns("2026-01-01 00:00")
    )
    assert moment_ns("1970-01-01T00:00:01.000000001Z") == SECOND + 1


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "2026-01-01T25:00:00Z", "2026-1-1"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    """A filter that silently matches nothing would be taken for an answer."""
    with pytest.raises(ValidationError, match="is no time"):
        TraceFilters(start_time_gte=text)
