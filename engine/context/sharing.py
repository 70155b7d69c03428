"""Room shared by things of different sizes."""

from collections.abc import Sequence


def level(sizes: Sequence[int], room: int) -> int:
    """The size to which the larger ones have to be cut so that all fit into the room together."""
    left = max(room, 0)
    for number, size in enumerate(sorted(sizes)):
        each = left // (len(sizes) - number)
        if size > each:
            return each
        left -= size
    return max(sizes, default=0)
