"""Functions that SQLite lacks: median and percentile over a bounded number of values, and a linear `instr`."""

MOST_VALUES = 2_000_000
_SORTED_AT_ONCE = 50_000  # a sort keeps the interpreter to itself, so a long one is done in pieces


class _Values:
    """The values of one group."""

    def __init__(self) -> None:
        self._sorted: list[float] = []
        self._new: list[float] = []

    def add(self, value: float | None) -> None:
        """Add a number; NULL does not count."""
        if value is None:
            return
        self._new.append(float(value))
        if len(self._new) >= _SORTED_AT_ONCE:
            self._take_new()

    def _take_new(self) -> None:
        if len(self._sorted) >= MOST_VALUES:
            raise ValueError("too many values")
        self._new.sort()
        self._sorted += self._new
        self._new = []

    def at(self, percent: float) -> float | None:
        """The value below which so many percent of the values lie, interpolated."""
        self._take_new()
        self._sorted.sort()
        ordered = self._sorted
        if not ordered:
            return None
        place = (len(ordered) - 1) * percent / 100
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class Median(_Values):
    """`median(x)`; NULL does not count, and is the answer without values."""

    def step(self, value: float | None) -> None:
        """Add one value."""
        self.add(value)

    def finalize(self) -> float | None:
        """The median of what was added."""
        return self.at(50)


class Percentile(_Values):
    """`percentile(x, p)` with p from 0 to 100; NULL does not count, and is the answer without values."""

    def __init__(self) -> None:
        super().__init__()
        self._percent = 50.0

    def step(self, value: float | None, percent: float) -> None:
        """Add one value."""
        self._percent = min(max(float(percent), 0.0), 100.0)
        self.add(value)

    def finalize(self) -> float | None:
        """The percentile of what was added."""
        return self.at(self._percent)


def found_at(text: object, part: object) -> int | None:
    """`instr(text, part)`, whose own form takes the square of the length: one step of it could last half a minute."""
    if text is None or part is None:
        return None
    return str(text).find(str(part)) + 1
