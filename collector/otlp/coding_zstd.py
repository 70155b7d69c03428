"""zstd, undone in pieces.

The library unpacks all it is given at once, and says nothing when the end is missing. So frames are read as RFC 8878
lays them out, and the library is fed a few blocks at a time: a block holds at most 128 KiB of content.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from collector.otlp.limits import PIECE_BYTES, CodingError

_BLOCK_MAX_BYTES = 128 * 1024
_BLOCKS = PIECE_BYTES // _BLOCK_MAX_BYTES
_WINDOW_MAX_BYTES = 8 * 2**20  # what a sender may ask of a receiver, RFC 9659
_HEADER_MAX_BYTES = 18
_SKIPPABLE, _SKIPPABLE_MASK = 0x184D2A50, 0xFFFFFFF0
_RLE = 1
_CHECKSUM_BYTES = 4
_ENDS_EARLY = "zstd: the body ends too early"


class _Slice(NamedTuple):
    """Whole blocks of a frame."""

    data: bytes
    is_first: bool
    is_last: bool


def pieces(name: str, body: bytes) -> Iterator[bytes]:
    """The content in pieces of at most `PIECE_BYTES`; CodingError when the body is no zstd or cut short."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX_BYTES)
    stream: Any = None
    try:
        for data, is_first, is_last in _slices(body, zstandard):
            stream = decompressor.decompressobj() if is_first else stream
            yield stream.decompress(data)
            if stream.eof != is_last:
                raise CodingError(f"{name}: corrupt data")
    except zstandard.ZstdError:
        raise CodingError(f"{name}: corrupt data") from None


def _slices(body: bytes, zstandard: Any) -> Iterator[_Slice]:
    position = 0
    while position < len(body):
        if int.from_bytes(body[position : position + 4], "little") & _SKIPPABLE_MASK == _SKIPPABLE:
            position += 8 + int.from_bytes(body[position + 4 : position + 8], "little")
            _within(body, position)
            continue
        start, position, has_checksum = position, *_after_header(body, position, zstandard)
        is_first, is_last = True, False
        while not is_last:
            position, is_last = _after_blocks(body, position)
            position += _CHECKSUM_BYTES if is_last and has_checksum else 0
            _within(body, position)
            yield _Slice(body[start:position], is_first, is_last)
            start, is_first = position, False


def _after_header(body: bytes, position: int, zstandard: Any) -> tuple[int, bool]:
    """Where the first block starts, and whether a checksum follows the last."""
    head = body[position : position + _HEADER_MAX_BYTES]
    try:
        size = zstandard.frame_header_size(head)
        frame = zstandard.get_frame_parameters(head)
    except zstandard.ZstdError:
        raise CodingError("zstd: invalid header") from None
    if frame.window_size > _WINDOW_MAX_BYTES:
        raise CodingError("zstd: the window is larger than 8 MiB; compress at a lower level")
    return position + size, frame.has_checksum


def _after_blocks(body: bytes, position: int) -> tuple[int, bool]:
    """Where the next few blocks end, and whether they are a frame's last."""
    for _ in range(_BLOCKS):
        _within(body, position + 3)
        head = int.from_bytes(body[position : position + 3], "little")
        kind, size = head >> 1 & 3, head >> 3
        position += 3 + (1 if kind == _RLE else size)
        if head & 1:
            return position, True
    return position, False


def _within(body: bytes, position: int) -> None:
    if position > len(body):
        raise CodingError(_ENDS_EARLY)
