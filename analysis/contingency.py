"""Two-by-two tables: does what has a property fail more often, and does that hold within each stratum?

Pooled tables mislead where strata differ both in how often they fail and in how often they have the property
(Simpson's paradox), so the tests here take a table for each stratum and never look across.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analysis.statistics import Z_95, normal_two_sided, wilson

_SLACK = 1 + 1e-7
"""Tables whose probability differs only by rounding are equally likely."""
_NEGLIGIBLE = 1e-17
_MANTEL_FLEISS = 5.0


class Table(NamedTuple):
    """Counts of one stratum: with the property failing and passing, without it failing and passing."""

    with_failing: int
    with_passing: int
    without_failing: int
    without_passing: int

    @property
    def exposed(self) -> int:
        """How many have the property."""
        return self.with_failing + self.with_passing

    @property
    def others(self) -> int:
        """How many do not."""
        return self.without_failing + self.without_passing

    @property
    def failing(self) -> int:
        """How many fail."""
        return self.with_failing + self.without_failing

    @property
    def total(self) -> int:
        """All of the stratum."""
        return self.exposed + self.others

    @property
    def is_telling(self) -> bool:
        """Whether it can say anything: both kinds of members, and both outcomes."""
        return 0 < self.exposed < self.total and 0 < self.failing < self.total


class Association(NamedTuple):
    """A property and failing: effects with 95 % intervals, and a two-sided p-value.

    The odds ratio is None where no finite one can be estimated (nothing without the property failed, or nothing
    with it passed); the difference of failure rates always exists.
    """

    odds_ratio: float | None
    odds_low: float | None
    odds_high: float | None
    difference: float
    difference_low: float
    difference_high: float
    p_value: float


def pooled(tables: Iterable[Table]) -> Table:
    """All strata in one table."""
    rows = tuple(tables)
    return Table(*(sum(column) for column in zip(*rows, strict=True))) if rows else Table(0, 0, 0, 0)


def association(tables: Iterable[Table]) -> Association | None:
    """What the strata together say; None when no stratum can say anything.

    One telling stratum: Fisher's exact test. Several: Cochran-Mantel-Haenszel without continuity correction
    (Mantel, N. and Haenszel, W. (1959), Journal of the National Cancer Institute 22, 719-748), or the exact
    conditional test where the counts are too small for it (Mantel, N. and Fleiss, J. L. (1980), American
    Journal of Epidemiology 112, 129-134).
    """
    telling = [table for table in tables if table.is_telling]
    if not telling:
        return None
    is_small = len(telling) == 1 or _mantel_fleiss(telling) < _MANTEL_FLEISS
    p_value = exact_p(telling) if is_small else cochran_mantel_haenszel(telling)
    return Association(*odds_ratio(telling), *risk_difference(telling), p_value)


def fisher_exact(table: Table) -> float:
    """The two-sided p-value of one table: the probability of all tables at most as likely as this one.

    Fisher, R. A. (1935), Journal of the Royal Statistical Society 98, 39-82.
    """
    return exact_p([table])


def exact_p(tables: Sequence[Table]) -> float:
    """The two-sided p-value given every stratum's margins, by the exact distribution of their sum of cells.

    Mehta, C. R., Patel, N. R. and Gray, R. (1985), Journal of the American Statistical Association 80, 969-973.
    """
    lowest, weights = 0, [1.0]
    for table in tables:
        first, own = _hypergeometric(table)
        lowest += first
        weights = _convolved(weights, own)
    observed = weights[sum(table.with_failing for table in tables) - lowest]
    return min(sum(weight for weight in weights if weight <= observed * _SLACK) / sum(weights), 1.0)


def _hypergeometric(table: Table) -> tuple[int, list[float]]:
    """The least possible count of failing members with the property, and the probability of it and of those above."""
    first = max(0, table.exposed - (table.total - table.failing))
    last = min(table.exposed, table.failing)
    whole = _log_choose(table.total, table.exposed)
    passing = table.total - table.failing
    return first, [
        math.exp(_log_choose(table.failing, count) + _log_choose(passing, table.exposed - count) - whole)
        for count in range(first, last + 1)
    ]


def _convolved(left: Sequence[float], right: Sequence[float]) -> list[float]:
    found = [0.0] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        if a > _NEGLIGIBLE:
            for j, b in enumerate(right):
                found[i + j] += a * b
    return found


def _log_choose(of: int, chosen: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def cochran_mantel_haenszel(tables: Iterable[Table]) -> float:
    """The p-value of the hypothesis that no stratum's odds ratio differs from one; 1 when no stratum says anything."""
    excess = variance = 0.0
    for table in tables:
        if table.is_telling:
            n, passing = table.total, table.total - table.failing
            excess += table.with_failing - table.exposed * table.failing / n
            variance += table.exposed * table.others * table.failing * passing / (n * n * (n - 1))
    return normal_two_sided(excess / math.sqrt(variance)) if variance else 1.0


def _mantel_fleiss(tables: Iterable[Table]) -> float:
    """How far the expected sum of cells lies from the nearer end of its range; below five the chi-square misleads."""
    expected = lowest = highest = 0.0
    for table in tables:
        expected += table.exposed * table.failing / table.total
        lowest += max(0, table.exposed - (table.total - table.failing))
        highest += min(table.exposed, table.failing)
    return min(expected - lowest, highest - expected)


def odds_ratio(tables: Iterable[Table]) -> tuple[float | None, float | None, float | None]:
    """The Mantel-Haenszel odds ratio and its 95 % interval; None throughout where it is not finite or zero.

    Interval: Robins, J., Breslow, N. and Greenland, S. (1986), Biometrics 42, 311-323.
    """
    r = s = pr = ps_qr = qs = 0.0
    for a, b, c, d in tables:
        n = a + b + c + d
        if n:
            own_r, own_s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
            r, s = r + own_r, s + own_s
            pr, qs, ps_qr = pr + p * own_r, qs + q * own_s, ps_qr + p * own_s + q * own_r
    if not (r and s):
        return None, None, None
    spread = math.exp(Z_95 * math.sqrt(pr / (2 * r * r) + ps_qr / (2 * r * s) + qs / (2 * s * s)))
    ratio = r / s
    return ratio, ratio / spread, ratio * spread


def risk_difference(tables: Sequence[Table]) -> tuple[float, float, float]:
    """The Mantel-Haenszel difference of failure rates, with minus without the property, and its 95 % interval.

    One stratum: Newcombe, R. G. (1998), Statistics in Medicine 17, 873-890 (method 10). Several: Sato, T.,
    Greenland, S. and Robins, J. (1989), Biometrics 45, 1323-1324.
    """
    if len(tables) == 1:
        return _newcombe(tables[0])
    weight = summed = p = q = 0.0
    for table in tables:
        a, c, n1, n0, n = table.with_failing, table.without_failing, table.exposed, table.others, table.total
        if not (n1 and n0):
            continue
        weight += n1 * n0 / n
        summed += (a * n0 - c * n1) / n
        p += (n1 * n1 * c - n0 * n0 * a + n1 * n0 * (n0 - n1) / 2) / (n * n)
        q += (a * (n0 - c) + c * (n1 - a)) / (2 * n)
    if not weight:
        return 0.0, -1.0, 1.0
    difference = summed / weight
    margin = Z_95 * math.sqrt(max(difference * p + q, 0.0)) / weight
    return difference, max(difference - margin, -1.0), min(difference + margin, 1.0)


def _newcombe(table: Table) -> tuple[float, float, float]:
    if not (table.exposed and table.others):
        return 0.0, -1.0, 1.0
    one, other = table.with_failing / table.exposed, table.without_failing / table.others
    low1, high1 = wilson(table.with_failing, table.exposed)
    low0, high0 = wilson(table.without_failing, table.others)
    difference = one - other
    return (
        difference,
        difference - math.hypot(one - low1, high0 - other),
        difference + math.hypot(high1 - one, other - low0),
    )


def mcnemar_exact(only_before: int, only_after: int) -> float:
    """The two-sided p-value of pairs that differ: as many one way as the other, by the binomial distribution.

    McNemar, Q. (1947), Psychometrika 12, 153-157, in its exact form.
    """
    pairs, fewer = only_before + only_after, min(only_before, only_after)
    tail = sum(math.exp(_log_choose(pairs, count) - pairs * math.log(2)) for count in range(fewer + 1))
    return min(2 * tail, 1.0)
