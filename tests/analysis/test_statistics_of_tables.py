"""Tables: the tests and effects that contrast failing with passing traces, against published values and brute force."""

from fractions import Fraction
from itertools import product
from math import comb, log, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.contingency import (
    Table,
    association,
    cochran_mantel_haenszel,
    exact_p,
    fisher_exact,
    mcnemar_exact,
    odds_ratio,
    pooled,
    risk_difference,
)
from analysis.statistics import normal_two_sided

ADMISSIONS = [
    Table(512, 313, 89, 19),
    Table(353, 207, 17, 8),
    Table(120, 205, 202, 391),
    Table(138, 279, 131, 244),
    Table(53, 138, 94, 299),
    Table(22, 351, 24, 317),
]
"""Admission by sex in six departments of Berkeley, 1973 (Bickel, Hammel and O'Connell, Science 187, 398-404)."""

small = st.builds(Table, *[st.integers(0, 6)] * 4)


def brute_force(tables: list[Table]) -> float:
    """Every table with the same margins, in exact fractions: the two-sided p-value by definition."""
    chances: dict[int, Fraction] = {}
    for cells in product(*(range(min(t.exposed, t.failing) + 1) for t in tables)):
        chance = Fraction(1)
        for cell, t in zip(cells, tables, strict=True):
            rest = t.exposed - cell
            passing = t.total - t.failing
            ways = comb(t.failing, cell) * (comb(passing, rest) if 0 <= rest <= passing else 0)
            chance *= Fraction(ways, comb(t.total, t.exposed))
        chances[sum(cells)] = chances.get(sum(cells), Fraction(0)) + chance
    observed = chances[sum(t.with_failing for t in tables)]
    return float(sum(chance for chance in chances.values() if chance <= observed))


@pytest.mark.parametrize(
    ("table", "p_value"),
    [(Table(3, 1, 1, 3), 0.485714), (Table(2, 10, 15, 3), 0.00053672), (Table(1, 9, 11, 3), 0.0027594561852200836)],
)
def test_fishers_exact_test_gives_the_textbooks_values(table: Table, p_value: float) -> None:
    """The lady tasting tea, and Convictions of like-sex twins (Fisher)."""
    assert fisher_exact(table) == pytest.approx(p_value, rel=1e-4)


@given(st.lists(small, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_exact_p_values_are_the_sum_over_all_tables_that_are_no_likelier(tables: list[Table]) -> None:
    """Of one stratum and of several; logarithms must not lose a tie."""
    assert exact_p(tables) == pytest.approx(brute_force(tables), rel=1e-6, abs=1e-12)


@given(small)
def test_turning_a_table_over_changes_the_sign_and_not_the_p_value(table: Table) -> None:
    """With and without the property are only names."""
    turned = Table(table.without_failing, table.without_passing, table.with_failing, table.with_passing)

    assert fisher_exact(turned) == pytest.approx(fisher_exact(table))
    assert risk_difference([turned])[0] == pytest.approx(-risk_difference([table])[0])


def test_the_mantel_haenszel_odds_ratio_and_interval_are_those_of_the_berkeley_admissions() -> None:
    """As R's mantelhaen.test prints them for UCBAdmissions: 0.9046968, 0.7719074 to 1.0603298."""
    assert odds_ratio(ADMISSIONS) == (
        pytest.approx(0.9046968, abs=1e-6),
        pytest.approx(0.7719074, abs=1e-6),
        pytest.approx(1.0603298, abs=1e-6),
    )


def test_the_cochran_mantel_haenszel_test_finds_no_bias_where_the_pooled_table_screams() -> None:
    """Simpson's paradox itself: chi-square 1.5246 in strata, odds ratio 1.84 pooled."""
    found = association(ADMISSIONS)

    assert cochran_mantel_haenszel(ADMISSIONS) == pytest.approx(normal_two_sided(sqrt(1.5246)), abs=1e-4)
    assert cochran_mantel_haenszel(ADMISSIONS) == pytest.approx(exact_p(ADMISSIONS), abs=0.02)
    assert odds_ratio([pooled(ADMISSIONS)])[0] == pytest.approx(1.841, abs=1e-3)
    assert found is not None and found.difference < 0 < risk_difference([pooled(ADMISSIONS)])[0]


def test_one_table_has_its_own_odds_ratio_with_woolfs_interval() -> None:
    """Robins, Breslow and Greenland's variance is Woolf's where there is one stratum."""
    a, b, c, d = table = Table(27, 2, 122, 77)
    ratio, low, high = odds_ratio([table])
    margin = 1.959964 * sqrt(1 / a + 1 / b + 1 / c + 1 / d)

    assert ratio is not None and low is not None and high is not None
    assert ratio == pytest.approx(a * d / (b * c))
    assert (log(low), log(high)) == (pytest.approx(log(ratio) - margin), pytest.approx(log(ratio) + margin))


def test_a_ratio_that_is_not_finite_is_none_and_the_difference_is_there_all_the_same() -> None:
    """Sixty-three of sixty-three failed: infinity is no number for a report."""
    found = association([Table(56, 0, 18, 4), Table(7, 0, 142, 79)])

    assert found is not None
    assert (found.odds_ratio, found.odds_low, found.odds_high) == (None, None, None)
    assert found.difference_low < found.difference < found.difference_high


def test_newcombes_interval_of_a_difference_is_the_published_one() -> None:
    """56 of 70 against 48 of 80 (Newcombe 1998, table II): 0.2, from 0.0524 to 0.3339."""
    assert risk_difference([Table(56, 14, 48, 32)]) == (
        pytest.approx(0.2),
        pytest.approx(0.0524, abs=1e-4),
        pytest.approx(0.3339, abs=1e-4),
    )


@given(st.lists(small, min_size=2, max_size=4))
def test_a_difference_over_strata_lies_in_its_interval_and_between_those_of_the_strata(tables: list[Table]) -> None:
    """A weighted mean cannot leave what it is the mean of."""
    telling = [table for table in tables if table.is_telling]
    if len(telling) < 2:
        return
    difference, low, high = risk_difference(telling)
    own = [t.with_failing / t.exposed - t.without_failing / t.others for t in telling]

    assert min(own) - 1e-9 <= difference <= max(own) + 1e-9
    assert -1 <= low <= difference <= high <= 1


@given(st.lists(small, max_size=4))
def test_strata_that_cannot_say_anything_change_nothing(tables: list[Table]) -> None:
    """A version of which all traces failed tells nothing of what makes them fail."""
    everyone_fails, nobody_has_it = Table(5, 0, 7, 0), Table(0, 0, 3, 4)

    assert association([*tables, everyone_fails, nobody_has_it]) == association(tables)


@pytest.mark.parametrize(("before", "after", "p_value"), [(5, 15, 0.04139), (0, 0, 1.0), (8, 8, 1.0), (0, 6, 0.03125)])
def test_mcnemars_exact_test_is_a_fair_coin(before: int, after: int, p_value: float) -> None:
    """Pairs that agree say nothing; of the others as many each way are expected."""
    assert mcnemar_exact(before, after) == pytest.approx(p_value, abs=1e-5)
