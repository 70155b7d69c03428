"""A sketch of a distribution: counts in bins that grow by a constant ratio, so that sketches add and subtract.

Masson, C., Rim, J. E. and Lee, H. K. (2019), DDSketch, VLDB 12(12): the bin of a value is the ceiling of its
logarithm, and any quantile is within the relative accuracy of a value that was there. Bin 0 holds what is not
positive.
"""

import math
from collections.abc import Mapping
from math import ceil, log

RELATIVE_ACCURACY = 0.02
_RATIO = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY)
_BINS_A_LOG = 1 / math.log(_RATIO)


def bin_of(value: int) -> int:
    """The bin of a value; what is not positive, as the duration of a span without an end, has the bin 0."""
    return 1 + ceil(log(value) * _BINS_A_LOG) if value > 0 else 0


def value_of(place: int) -> float:
    """What stands for the values of a bin: within the relative accuracy of each of them."""
    return 2 * _RATIO ** (place - 1) / (_RATIO + 1) if place else 0.0


def quantile(bins: Mapping[int, int], share: float) -> float | None:
    """The value below which a share of the values lies; None without values."""
    total = sum(bins.values())
    return value_of(_bin_at(bins, share * (total - 1))) if total else None


def quantile_interval(bins: Mapping[int, int], share: float, z: float) -> tuple[float, float] | None:
    """Where a quantile of the population lies, from the ranks of the sample; None when the sample is too small.

    The number of values below the quantile is binomial, so the ranks `n·share ± z·sqrt(n·share·(1-share))` enclose it
    with the confidence of `z` (David, H. A. and Nagaraja, H. N. (2003), Order Statistics, section 7.1).
    """
    total = sum(bins.values())
    reach = z * math.sqrt(total * share * (1 - share))
    low, high = math.floor(total * share - reach), math.ceil(total * share + reach)
    if low < 0 or high > total - 1:
        return None
    return value_of(_bin_at(bins, low)), value_of(_bin_at(bins, high))


def _bin_at(bins: Mapping[int, int], rank: float) -> int:
    seen = 0
    place = 0
    for place in sorted(bins):
        seen += bins[place]
        if seen > rank:
            return place
    return place
