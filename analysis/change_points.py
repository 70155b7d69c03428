"""Where a yes-or-no series changed its rate, if it did: for drift that no version label explains."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from analysis.resampling import MAX_GROUPS, grouped, mixed

if TYPE_CHECKING:
    from numpy import float64, intp
    from numpy.typing import NDArray

_FEW, _MANY = 199, 1_999
_SLACK = 1e-9
_SHUFFLED_AT_ONCE = 100


class ChangePoint(NamedTuple):
    """The likeliest change of a series: how many members lie before it, and how surprising it is."""

    at: int
    p_value: float


def change_point(series: Sequence[bool], *, least: int = 10, seed: int = 0) -> ChangePoint | None:
    """The likeliest change of a Bernoulli series' rate, at least `least` members from either end.

    The statistic is the largest log likelihood ratio of two rates against one over all places; its p-value comes
    from 199 shuffles of the series, from 1,999 when none of the first comes near, and is never 0. A series
    longer than 2,000 is looked at in groups of equal size. None when the series is too short or never varies.
    Hinkley, D. V. and Hinkley, E. A. (1970), Biometrika 57, 477-488; Phipson, B. and Smyth, G. K. (2010),
    Statistical Applications in Genetics and Molecular Biology 9, article 39.
    """
    import numpy as np

    size = -(-len(series) // MAX_GROUPS) if series else 1
    edge = -(-least // size)
    if len(series) < 2 * least or len(series) // size < 2 * edge or len(set(series)) < 2:
        return None
    groups = grouped(series, size)
    scan = _Scan(len(groups), size, edge)
    places = scan.ratios(groups.reshape(1, -1))[0]
    best = int(np.argmax(places >= places.max() - _SLACK))
    observed = float(places[best])
    p_value = _p_value(groups, scan, observed, seed)
    return ChangePoint((best + edge) * size + len(series) % size, p_value)


def _p_value(groups: "NDArray[float64]", scan: "_Scan", observed: float, seed: int) -> float:
    reached = done = 0
    for most in (_FEW, _MANY):
        while done < most:
            count = min(_SHUFFLED_AT_ONCE, most - done)
            order = mixed(seed + 1 + done, count * len(groups)).reshape(count, -1).argsort(axis=1, kind="stable")
            reached += int((scan.ratios(groups[order]).max(axis=1) >= observed - _SLACK).sum())
            done += count
        if reached:
            break
    return (reached + 1) / (done + 1)


class _Scan:
    """The log likelihood ratio at every place of a series of `groups` groups of `size` members."""

    def __init__(self, groups: int, size: int, edge: int) -> None:
        import numpy as np

        total = groups * size
        self._own = np.array([0.0, *(count * math.log(count) for count in range(1, total + 1))])
        self._before: NDArray[intp] = np.arange(edge, groups - edge + 1) * size
        self._edge, self._total = edge, total

    def ratios(self, groups: "NDArray[float64]") -> "NDArray[float64]":
        """For each series (row) the ratio at each place (column)."""
        import numpy as np

        hits = groups.cumsum(axis=1).astype(np.intp)
        every = hits[:, -1:]
        first = hits[:, self._edge - 1 : hits.shape[1] - self._edge]
        after = self._total - self._before
        apart = self._likelihood(first, self._before) + self._likelihood(every - first, after)
        found: NDArray[float64] = apart - self._likelihood(every, np.asarray(self._total))
        return found

    def _likelihood(self, hits: "NDArray[intp]", of: "NDArray[intp]") -> "NDArray[float64]":
        """The log likelihood of so many hits of so many at the rate that suits them best."""
        found: NDArray[float64] = self._own[hits] + self._own[of - hits] - self._own[of]
        return found
