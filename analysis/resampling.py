"""Resampling that gives the same numbers everywhere: intervals of ratios, and shuffles for permutation tests.

The randomness is a counter put through a mixing function, so that a report is recomputed alike by every
version of the array library.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import float64, uint64
    from numpy.typing import NDArray

RESAMPLES = 999
MAX_GROUPS = 2_000
"""More members than this are summed in so many groups first, so that the cost stays bounded."""


def mixed(seed: int, count: int) -> "NDArray[uint64]":
    """So many 64-bit numbers that look random; the same for the same seed on every machine.

    Steele, G. L., Lea, D. and Flood, C. H. (2014), OOPSLA '14, 453-472 (SplitMix).
    """
    import numpy as np

    def u64(value: int) -> "uint64":
        return np.uint64(value)

    with np.errstate(over="ignore"):
        z = (np.arange(1, count + 1, dtype=np.uint64) + u64(seed * 0x1_0000_0000 % 2**64)) * u64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> u64(30))) * u64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> u64(27))) * u64(0x94D049BB133111EB)
        return z ^ (z >> u64(31))


def grouped(values: Sequence[float], size: int) -> "NDArray[float64]":
    """Sums of so many neighbours each; the first few are left out where the last group would not be full."""
    import numpy as np

    kept = np.asarray(values, dtype=np.float64)[len(values) % size :]
    found: NDArray[float64] = kept.reshape(-1, size).sum(axis=1)
    return found


def ratio_interval(above: Sequence[float], below: Sequence[float], *, seed: int = 0) -> tuple[float, float] | None:
    """The 95 % percentile bootstrap interval of sum(above) / sum(below), members drawn together.

    None when there is nothing to draw from, or when some draws hold nothing to divide by: then no upper end can
    be given.
    Efron, B. (1979), The Annals of Statistics 7, 1-26.
    """
    import numpy as np

    if not above or len(above) != len(below):
        return None
    size = -(-len(above) // MAX_GROUPS)
    tops, bottoms = grouped(above, size), grouped(below, size)
    drawn = (mixed(seed, RESAMPLES * len(tops)) % np.uint64(len(tops))).astype(np.intp).reshape(RESAMPLES, -1)
    sums = bottoms[drawn].sum(axis=1)
    if not (sums > 0).all():
        return None
    ratios = np.sort(tops[drawn].sum(axis=1) / sums)
    edge = round(0.025 * (RESAMPLES + 1))
    return float(ratios[edge - 1]), float(ratios[-edge])
