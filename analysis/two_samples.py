"""Two samples of a quantity: is one larger, and by how much? By ranks, so that no outlier decides."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from analysis.statistics import Z_95, normal_two_sided

_MAX_SAMPLE = 1_000
"""Of larger samples so many evenly spaced order statistics are compared pair by pair."""


class Shift(NamedTuple):
    """By how much the second sample lies above the first: the median of all differences and its 95 % interval."""

    by: float
    low: float
    high: float


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p-value of both samples coming from one distribution, corrected for ties and continuity.

    1 when a sample is empty or nothing differs.
    Mann, H. B. and Whitney, D. R. (1947), The Annals of Mathematical Statistics 18, 50-60.
    """
    n, m = len(first), len(second)
    if not (n and m):
        return 1.0
    counts = Counter((*first, *second))
    ranks: dict[float, float] = {}
    below = 0
    for value in sorted(counts):
        ranks[value] = below + (counts[value] + 1) / 2
        below += counts[value]
    u = sum(ranks[value] for value in second) - m * (m + 1) / 2
    total = n + m
    ties = sum(count**3 - count for count in counts.values())
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    distance = max(abs(u - n * m / 2) - 0.5, 0.0)
    return normal_two_sided(distance / math.sqrt(variance)) if variance > 0 else 1.0


def hodges_lehmann(first: Sequence[float], second: Sequence[float]) -> Shift:
    """The shift from the first sample to the second; ValueError without values.

    Hodges, J. L. and Lehmann, E. L. (1963), The Annals of Mathematical Statistics 34, 598-611.
    """
    import numpy as np

    if not (first and second):
        raise ValueError("no values")
    n, m = len(first), len(second)
    one, other = (np.asarray(_spaced(sorted(values)), dtype=np.float64) for values in (first, second))
    differences = np.sort((other[None, :] - one[:, None]).ravel())
    pairs = len(differences)
    share = 0.5 - Z_95 * math.sqrt((n + m + 1) / (12 * n * m))
    edge = max(math.floor(share * pairs), 0)
    return Shift(float(np.median(differences)), float(differences[edge]), float(differences[pairs - 1 - edge]))


def _spaced(ordered: Sequence[float]) -> Sequence[float]:
    count = len(ordered)
    if count <= _MAX_SAMPLE:
        return ordered
    return [ordered[at * (count - 1) // (_MAX_SAMPLE - 1)] for at in range(_MAX_SAMPLE)]
