"""Samples and series: rank tests, bootstrap and change points, against brute force and by their error rates."""

import random
from itertools import combinations
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.change_points import change_point
from analysis.resampling import RESAMPLES, mixed, ratio_interval
from analysis.statistics import benjamini_hochberg, robust_z
from analysis.two_samples import hodges_lehmann, mann_whitney

DEPRESSED = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
AT_TERM = [1.15, 0.88, 0.90, 0.74, 1.21]
"""Permeability of membranes (Hollander and Wolfe, Nonparametric Statistical Methods, 1973, page 69)."""

numbers = st.lists(st.integers(-9, 9).map(float), min_size=4, max_size=7)


def test_the_rank_test_agrees_with_the_published_exact_one() -> None:
    """W = 35, two-sided p = 0.2544; the normal approximation is within a hundredth."""
    assert mann_whitney(AT_TERM, DEPRESSED) == pytest.approx(0.2544, abs=0.01)


def test_the_shift_is_the_published_one() -> None:
    """Hodges and Lehmann's estimate for the same membranes is 0.305; its interval holds zero."""
    shift = hodges_lehmann(AT_TERM, DEPRESSED)

    assert shift.by == pytest.approx(0.305)
    assert shift.low < 0 < shift.high


@pytest.mark.parametrize("seed", range(8))
def test_the_rank_test_agrees_with_all_ways_of_dealing_the_values(seed: int) -> None:
    """Ties included: the variance has to be corrected for them, or it would be too large."""
    chance = random.Random(seed)
    values = [float(chance.randrange(9)) for _ in range(7)] + [float(chance.randrange(3, 12)) for _ in range(7)]

    def distance(chosen: tuple[int, ...]) -> float:
        own = [values[at] for at in chosen]
        other = [values[at] for at in range(14) if at not in chosen]
        return abs(sum((a > b) + 0.5 * (a == b) for a in own for b in other) - 24.5)

    observed = distance(tuple(range(7)))
    deals = list(combinations(range(14), 7))
    exact = sum(distance(deal) >= observed - 1e-9 for deal in deals) / len(deals)

    assert mann_whitney(values[:7], values[7:]) == pytest.approx(exact, abs=0.03)


@given(numbers, numbers, st.integers(-50, 50))
def test_moving_a_sample_moves_its_shift_and_swapping_both_turns_it_round(
    first: list[float], second: list[float], by: int
) -> None:
    """What a shift is."""
    here = hodges_lehmann(first, second)
    there = hodges_lehmann(first, [value + by for value in second])

    assert (there.by, there.low, there.high) == pytest.approx((here.by + by, here.low + by, here.high + by))
    assert hodges_lehmann(second, first).by == pytest.approx(-here.by)
    assert here.by == pytest.approx(median(b - a for a in first for b in second))


def test_large_samples_are_thinned_and_say_the_same() -> None:
    """All pairs of ten thousand traces would be a hundred million."""
    first = [float(value) for value in range(10_000)]

    assert hodges_lehmann(first, [value + 500 for value in first]).by == pytest.approx(500, abs=20)
    assert mann_whitney([], first) == 1.0
    with pytest.raises(ValueError, match="no values"):
        hodges_lehmann([], first)


def test_random_numbers_are_the_same_on_every_machine() -> None:
    """Reports are recomputed elsewhere; these are SplitMix64's published first outputs for the seed 0."""
    assert [int(value) for value in mixed(0, 3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert not set(mixed(1, 1000).tolist()) & set(mixed(2, 1000).tolist())


def test_the_bootstrap_interval_of_a_mean_is_about_that_of_the_normal_distribution() -> None:
    """Two hundred values of mean 10 and standard deviation 2: 10 give or take 0.28."""
    chance = random.Random(5)
    values = [chance.gauss(10, 2) for _ in range(200)]
    mean = sum(values) / 200
    interval = ratio_interval(values, [1.0] * 200)

    assert interval is not None and interval == ratio_interval(values, [1.0] * 200)
    assert (mean - interval[0], interval[1] - mean) == (pytest.approx(0.28, abs=0.06), pytest.approx(0.28, abs=0.06))
    assert RESAMPLES == 999


def test_a_ratio_without_an_upper_end_has_no_interval() -> None:
    """One success of three: some draws have none, and a cost by no success is no number."""
    assert ratio_interval([1.0, 1.0, 1.0], [1.0, 0.0, 0.0]) is None
    assert ratio_interval([], []) is None


def test_many_members_are_summed_before_they_are_drawn() -> None:
    """The cost stays bounded, the interval about what it was."""
    chance = random.Random(6)
    values = [chance.expovariate(1) for _ in range(9_000)]
    interval = ratio_interval(values, [1.0] * 9_000)

    assert interval is not None
    assert interval[1] - interval[0] == pytest.approx(2 * 1.96 / 9_000**0.5, rel=0.25)


def test_a_stationary_series_raises_no_more_false_alarms_than_its_p_value_says() -> None:
    """A thousand series of 120: at most one in a hundred may reach one in a hundred, give or take chance."""
    chance = random.Random(2026)
    rates = [0.05, 0.2, 0.5, 0.8]
    alarms = 0
    for at in range(1_000):
        found = change_point([chance.random() < rates[at % 4] for _ in range(120)])
        alarms += found is not None and found.p_value <= 0.01
    assert alarms <= 10


def test_a_real_change_is_found_where_it_is() -> None:
    """Failures from 62 to 95 per cent, as between two real versions of 79 runs each."""
    chance = random.Random(3)
    found = [
        change_point([chance.random() < 0.62 for _ in range(79)] + [chance.random() < 0.95 for _ in range(79)])
        for _ in range(40)
    ]
    errors = sorted(abs(each.at - 79) for each in found if each is not None)

    assert sum(each is not None and each.p_value <= 0.01 for each in found) >= 38
    assert errors[len(errors) // 2] <= 6


def test_a_long_series_is_looked_at_in_groups_and_the_change_still_found() -> None:
    """Fifty thousand traces: the cost is that of two thousand groups."""
    chance = random.Random(4)
    series = [chance.random() < 0.1 for _ in range(30_003)] + [chance.random() < 0.2 for _ in range(20_000)]
    found = change_point(series)

    assert found is not None and found.p_value == 1 / 2_000
    assert found.at == pytest.approx(30_003, abs=500)


@given(st.lists(st.booleans(), max_size=60))
@settings(deadline=None)
def test_a_change_lies_inside_the_series_and_is_never_certain(series: list[bool]) -> None:
    """A p-value of zero would be a claim that permutations cannot make."""
    found = change_point(series)

    assert (found is None) == (len(series) < 20 or len(set(series)) < 2)
    if found is not None:
        assert 10 <= found.at <= len(series) - 10
        assert 0 < found.p_value <= 1
        assert change_point([not value for value in series]) == found


def test_one_outlier_among_many_is_far_by_robust_standard_deviations() -> None:
    """The mean and its deviation would swallow it."""
    assert robust_z(100.0, [9, 10, 10, 11, 10, 9, 11], least_spread=0.5) > 50
    assert robust_z(10.4, [10.0] * 9, least_spread=0.5) == pytest.approx(0.8)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_what_stands_is_what_the_step_up_rule_lets_stand(p_values: list[float]) -> None:
    """Benjamini and Hochberg's rule as it is written: the largest k with p(k) at most k/m of the rate."""
    ordered = sorted(p_values)
    ranks = [k for k in range(1, len(ordered) + 1) if ordered[k - 1] <= 0.05 * k / len(ordered)]

    assert benjamini_hochberg(p_values) == (ordered[ranks[-1] - 1] if ranks else None)
