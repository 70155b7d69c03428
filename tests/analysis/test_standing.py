"""Where a finding stands: laws that hold for any counts, and what happens to marks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.standing import Before, Sight, is_gone, standing
from analysis.statistics import wilson
from domain.report import Counts, FindingMark, FindingStatus

THEN = datetime(2023, 11, 14, tzinfo=UTC)
LATER = Sight(THEN + timedelta(days=2), THEN + timedelta(days=3))
STATUSES = st.sampled_from(("new", "persisting", "worse", "better", "resolved", "reopened"))


def counts(affected: int, of: int) -> Counts:
    low, high = wilson(affected, of)
    return Counts(
        affected_spans=affected,
        opportunities=of,
        affected_traces=affected,
        traces=of,
        rate=affected / of if of else 0.0,
        ci_low=low,
        ci_high=high,
    )


def known(
    affected: int = 9,
    of: int = 10,
    status: FindingStatus = "persisting",
    mark: FindingMark = "",
    bound: float | None = None,
) -> Before:
    low, high = wilson(affected, of)
    return Before(
        status=status,
        first_seen=THEN - timedelta(days=1),
        last_seen=THEN,
        ci_low=low,
        ci_high=high,
        bound=bound,
        reports=3,
        mark=mark,
        mark_reason="why" if mark else "",
    )


@given(affected=st.integers(1, 50), clean=st.integers(0, 200), status=STATUSES, opportunities=st.integers(0, 3_000))
def test_only_exposure_resolves(affected: int, clean: int, status: FindingStatus, opportunities: int) -> None:
    """Resolved means: 3/n lies below the lower bound of the rate it had, or it was resolved before; never less."""
    before = known(affected, affected + clean, status)
    stands = standing(counts(0, opportunities), None, before)

    is_exposed = opportunities > 0 and 3 / opportunities < before.ci_low
    assert (stands.status == "resolved") is (status == "resolved" or is_exposed)
    assert stands.status in ("resolved", "persisting")
    assert (stands.bound is not None) is (stands.status == "resolved")
    assert (stands.baseline is not None) is (stands.status != "resolved")
    if is_exposed:
        assert stands.bound == pytest.approx(3 / opportunities, abs=1e-6)
        assert stands.bound < before.ci_low + 1e-6
    assert stands.last_seen == before.last_seen
    assert stands.reports == before.reports


@given(affected=st.integers(1, 60), clean=st.integers(0, 60), status=STATUSES, late=st.booleans())
def test_what_is_seen_is_never_new_and_never_resolved(
    affected: int, clean: int, status: FindingStatus, late: bool
) -> None:
    """A known finding has a past; reopened is only what was resolved and has come back since."""
    sight = LATER if late else Sight(THEN - timedelta(days=2), THEN)
    now, before = counts(affected, affected + clean), known(status=status)
    stands = standing(now, sight, before)

    assert stands.status in ("persisting", "worse", "better", "reopened")
    assert (stands.status == "reopened") is (status == "resolved" and late)
    if stands.status == "worse":
        assert now.ci_low > before.ci_high
    if stands.status == "better":
        assert now.ci_high < before.ci_low
    assert stands.first_seen == min(sight.first, before.first_seen)
    assert (stands.last_seen, stands.reports) == (sight.last, before.reports + 1)
    assert (stands.bound, stands.baseline) == (None, None)


@given(opportunities=st.integers(0, 10_000), low=st.floats(0, 1))
def test_a_rate_that_was_never_surely_above_zero_is_never_gone(opportunities: int, low: float) -> None:
    """What could be as rare as never cannot be told from never."""
    assert not is_gone(opportunities, 0.0)
    assert is_gone(opportunities, low) <= is_gone(opportunities + 1, low)


def test_a_resolved_finding_keeps_its_best_bound() -> None:
    """A quiet hour after a busy clean day takes nothing of the proof back."""
    before = known(status="resolved", bound=0.02)

    assert standing(counts(0, 0), None, before).bound == 0.02
    assert standing(counts(0, 10), None, before).bound == 0.02
    assert standing(counts(0, 1_000), None, before).bound == 0.003


@pytest.mark.parametrize(
    ("mark", "status", "affected", "kept"),
    [
        ("muted", "persisting", 10, "muted"),
        ("muted", "resolved", 10, "muted"),
        ("acknowledged", "persisting", 10, "acknowledged"),
        ("acknowledged", "persisting", 100, ""),
        ("acknowledged", "resolved", 10, ""),
        ("acknowledged", "persisting", 1, "acknowledged"),
    ],
)
def test_an_acknowledgement_ends_when_it_is_worse_or_back_and_a_mute_never(
    mark: FindingMark, status: FindingStatus, affected: int, kept: FindingMark
) -> None:
    """Whoever accepted one failure in ten did not accept nine."""
    before = known(10, 100, status, mark)
    stands = standing(counts(affected, 100), LATER, before)

    assert (stands.mark, stands.mark_reason) == (kept, "why" if kept else "")
