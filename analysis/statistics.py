"""The little statistics that findings need: intervals, robust location and scale, robust slopes.

Pure Python: the samples are small, and a run should not pay for importing an array library.
"""

import math
from collections.abc import Sequence
from statistics import median

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""
MAD_TO_SIGMA = 1.4826022185056018
"""A normal distribution's standard deviation in units of its median absolute deviation."""
_MAX_SLOPE_POINTS = 60


def wilson(affected: int, opportunities: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a rate; (0, 1) when nothing was observed.

    Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212.
    """
    if opportunities <= 0:
        return 0.0, 1.0
    rate, z2 = affected / opportunities, Z_95 * Z_95
    scale = 1 + z2 / opportunities
    centre = (rate + z2 / (2 * opportunities)) / scale
    spread = rate * (1 - rate) / opportunities + z2 / (4 * opportunities * opportunities)
    margin = Z_95 * math.sqrt(max(spread, 0.0)) / scale
    low = 0.0 if affected == 0 else max(centre - margin, 0.0)
    high = 1.0 if affected == opportunities else min(centre + margin, 1.0)
    return low, high


def rule_of_three(opportunities: int) -> float:
    """The 95 % upper bound of a rate when none of the opportunities failed; 1 when there were fewer than three.

    Hanley, J. A. and Lippman-Hand, A. (1983), Journal of the American Medical Association 249, 1743-1745.
    """
    return min(1.0, 3 / opportunities) if opportunities > 0 else 1.0


def benjamini_hochberg(p_values: Sequence[float], false_discovery_rate: float = 0.05) -> float | None:
    """The largest of these p-values that stands when all are held to a false discovery rate; None when none does.

    Benjamini, Y. and Hochberg, Y. (1995), Journal of the Royal Statistical Society B 57, 289-300.
    """
    count = len(p_values)
    standing = [
        p_value for rank, p_value in enumerate(sorted(p_values), 1) if p_value <= false_discovery_rate * rank / count
    ]
    return standing[-1] if standing else None


def median_and_mad(values: Sequence[float]) -> tuple[float, float]:
    """The median and the median absolute deviation from it; ValueError without values."""
    if not values:
        raise ValueError("no values")
    middle = median(values)
    return middle, median(abs(value - middle) for value in values)


def log_threshold(values: Sequence[float], z: float, *, least_spread: float) -> float:
    """The value above which a positive quantity is an outlier: `z` robust standard deviations on log scale.

    `least_spread` is the smallest standard deviation, in natural logarithms, that is believed; without it a
    quantity that hardly varies would call every ripple an outlier. ValueError without positive values.
    """
    middle, mad = median_and_mad([math.log(value) for value in values if value > 0])
    return math.exp(middle + z * max(MAD_TO_SIGMA * mad, least_spread))


def robust_z(value: float, values: Sequence[float], *, least_spread: float) -> float:
    """How many robust standard deviations a value lies above the median of others.

    `least_spread` is the smallest standard deviation that is believed. ValueError without values.
    Iglewicz, B. and Hoaglin, D. C. (1993), How to Detect and Handle Outliers, ASQC Quality Press.
    """
    middle, mad = median_and_mad(values)
    return (value - middle) / max(MAD_TO_SIGMA * mad, least_spread)


def normal_two_sided(z: float) -> float:
    """The probability that a standard normal variable lies at least as far from zero as `z`."""
    return math.erfc(abs(z) / math.sqrt(2))


def slope(values: Sequence[float]) -> float:
    """The Theil-Sen slope of a series per step: the median of the slopes between all pairs; 0 for less than two.

    Of a long series evenly spaced points are taken, so that the cost stays bounded.
    Sen, P. K. (1968), Journal of the American Statistical Association 63, 1379-1389.
    """
    points = _thinned(values)
    pairs = [(b - a) / (j - i) for at, (i, a) in enumerate(points) for j, b in points[at + 1 :]]
    return median(pairs) if pairs else 0.0


def _thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    count = len(values)
    if count <= _MAX_SLOPE_POINTS:
        return list(enumerate(values))
    places = (at * (count - 1) // (_MAX_SLOPE_POINTS - 1) for at in range(_MAX_SLOPE_POINTS))
    return [(place, values[place]) for place in places]
