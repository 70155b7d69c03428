"""Large requests cut into smaller ones, span by span, record by record, without touching the bytes of any.

All signals have the same shape on the wire: resource (field 1) → scope (2) → item (2). What else stands at the top
level (the dictionary of profiles, unknown fields) goes into every part.
"""

from collections.abc import Iterable, Iterator

from domain.signals import PROFILES, Signal
from domain.wire import Piece, join, outside, split


def halves(request: bytes) -> list[bytes]:
    """Two requests with half of the items each; none when there is only one item, or none."""
    pieces = list(split(request))
    middle = len(pieces) // 2
    return [_joined(request, part) for part in (pieces[:middle], pieces[middle:])] if middle else []


def portions(request: bytes, max_bytes: int) -> list[bytes]:
    """Requests of at most `max_bytes` each, except those whose only item is larger.

    The whole request when parts would be mostly what each of them has to repeat.
    """
    if len(request) <= max_bytes:
        return [request]
    room = max_bytes - len(outside(request))
    if room < max_bytes // 2:
        return [request]
    return [_joined(request, part) for part in _filled(split(request), room)]


def without(request: bytes, positions: Iterable[int]) -> bytes:
    """The request without the items at some positions."""
    left_out = frozenset(positions)
    return _joined(request, (piece for position, piece in enumerate(split(request)) if position not in left_out))


def can_be_joined(signal: Signal) -> bool:
    """Whether encoded requests of a signal can be written one after the other to make one request.

    Repeated fields add up; profiles also have a dictionary, whose indexes would then point elsewhere.
    """
    return signal is not PROFILES


def _joined(request: bytes, pieces: Iterable[Piece]) -> bytes:
    return outside(request) + join(pieces)


def _filled(pieces: Iterator[Piece], max_bytes: int) -> Iterator[list[Piece]]:
    """Runs of pieces that fit; an envelope is counted again wherever it changes, as `join` writes it."""
    run: list[Piece] = []
    size = 0
    for piece in pieces:
        cost = len(piece.span) + _HEAD_BYTES
        last = run[-1] if run else None
        if last is None or last.scope != piece.scope or last.resource != piece.resource:
            cost += len(piece.scope) + len(piece.resource) + 2 * _HEAD_BYTES
        if run and size + cost > max_bytes:
            yield run
            run, size = [], 0
            cost = len(piece.span) + len(piece.scope) + len(piece.resource) + 3 * _HEAD_BYTES
        run.append(piece)
        size += cost
    if run:
        yield run


_HEAD_BYTES = 6
"""A tag and a length of up to 4 GiB."""
