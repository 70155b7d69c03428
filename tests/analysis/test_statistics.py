"""The statistics that every number with an interval rests on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics import log_threshold, median_and_mad, rule_of_three, slope, wilson


@pytest.mark.parametrize(
    ("affected", "of", "low", "high"),
    [(63, 64, 0.917, 0.997), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (3, 3, 0.4385, 1.0), (8, 10, 0.490, 0.943)],
)
def test_the_wilson_interval_is_that_of_the_textbooks(affected: int, of: int, low: float, high: float) -> None:
    """Readers compare it with other tools."""
    assert wilson(affected, of) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


@given(st.integers(0, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_its_rate_and_stays_between_zero_and_one(counts: tuple[int, int]) -> None:
    """A bound beyond one would be nonsense in a report."""
    affected, of = counts
    low, high = wilson(affected, of)

    assert 0.0 <= low <= high <= 1.0
    assert of == 0 or low <= affected / of + 1e-12
    assert of == 0 or high >= affected / of - 1e-12


def test_nothing_observed_says_nothing() -> None:
    """An interval of width zero over no calls would claim certainty."""
    assert wilson(0, 0) == (0.0, 1.0)
    assert rule_of_three(0) == 1.0


def test_the_rule_of_three_needs_sixty_clean_calls_for_five_per_cent() -> None:
    """This is what decides when a finding counts as resolved."""
    assert rule_of_three(60) == pytest.approx(0.05)
    assert rule_of_three(2) == 1.0


def test_a_single_outlier_moves_neither_median_nor_slope() -> None:
    """One hanging call must not hide the others."""
    assert median_and_mad([1.0, 2.0, 3.0, 4.0, 1_000.0]) == (3.0, 1.0)
    assert slope([0, 1, 2, 3, 500, 5, 6, 7]) == pytest.approx(1.0, abs=0.01)


def test_a_long_series_costs_no_more_than_a_short_one_and_keeps_its_slope() -> None:
    """A run may have thousands of turns."""
    assert slope([3.0 * at for at in range(5_000)]) == pytest.approx(3.0)
    assert slope([7.0]) == 0.0


def test_durations_that_hardly_vary_make_no_outliers_of_ripples() -> None:
    """Without a least spread, 1.02 s beside nineteen times 1.00 s would be an outlier."""
    steady = [1.0] * 19 + [1.02]

    assert log_threshold(steady, 5, least_spread=0.25) == pytest.approx(math.exp(1.25))


def test_no_values_are_an_error_not_a_number() -> None:
    """A silent zero would make everything an outlier."""
    with pytest.raises(ValueError, match="no values"):
        log_threshold([0.0], 5, least_spread=0.1)
