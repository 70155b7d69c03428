"""Cycles: a round of steps that a sequence goes through again and again.

Found in one pass with a counter for each period, so a step costs as much as the longest period, whatever the length
of the sequence.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

Step = TypeVar("Step")


class Cycle(NamedTuple):
    """A stretch of a sequence, from `start` up to and without `end`, that repeats its first `period` steps."""

    start: int
    end: int
    period: int


def cycles(steps: Sequence[Step], same: Callable[[Step, Step], bool], *, longest: int, rounds: int) -> list[Cycle]:
    """The cycles of at least so many rounds, each with its smallest period, which is at least 2 and at most `longest`.

    A round of equal steps alone is no cycle but a repetition.
    """
    found: list[Cycle] = []
    matched = [0] * (longest + 1)  # for each period how many of the last steps equal the one a period before
    for at, step in enumerate(steps):
        for period in range(1, min(longest, at) + 1):
            matched[period] = matched[period] + 1 if same(steps[at - period], step) else 0
        period = next((each for each in range(2, longest + 1) if matched[each] >= each * (rounds - 1)), 0)
        if period and matched[1] < period - 1:
            cycle = Cycle(at + 1 - matched[period] - period, at + 1, period)
            if found and (found[-1].start, found[-1].period) == (cycle.start, period):
                found[-1] = cycle
            else:
                found.append(cycle)
    return found


def rotated(names: Sequence[str]) -> tuple[str, ...]:
    """A round as it is called wherever it was entered: of all its rotations the first in order."""
    return min(tuple((*names[at:], *names[:at])) for at in range(len(names)))
