"""snappy, in its two formats: one block, and the framing format that streams of blocks have.

Both: https://github.com/google/snappy, format_description.txt and framing_format.txt.
"""

from collections.abc import Iterator

from collector.otlp.limits import PIECE_BYTES, CodingError, TooLargeError
from domain.errors import PermanentError
from domain.wire import varint

STREAM_START = b"\xff\x06\x00\x00sNaPpY"
_MAX_RATIO = 22  # a copy of 64 bytes takes three
_COMPRESSED, _PLAIN, _FIRST_SKIPPABLE, _START = 0x00, 0x01, 0x80, 0xFF


def pieces(name: str, body: bytes, limit: int) -> Iterator[bytes]:
    """The content in pieces of at most `PIECE_BYTES`; CodingError when the body is no snappy or cut short.

    A block says its size at its start and is unpacked in one go: one above `limit` is a TooLargeError before that.
    """
    if name == "x-snappy-framed" or body.startswith(STREAM_START):
        yield from _framed(name, body)
        return
    content = _block(name, body, limit)
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


def _block(name: str, body: bytes, limit: int) -> bytes:
    import cramjam

    try:
        declared, _ = varint(body, 0)
    except (IndexError, PermanentError):
        raise CodingError(f"{name}: corrupt input") from None
    if declared > len(body) * _MAX_RATIO:
        raise CodingError(f"{name}: corrupt input")
    if declared > limit:
        raise TooLargeError(limit)
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise CodingError(f"{name}: corrupt input") from None


def _framed(name: str, body: bytes) -> Iterator[bytes]:
    """Chunk by chunk: each holds at most 64 KiB of content, with a checksum."""
    import cramjam

    if not body.startswith(STREAM_START):
        raise CodingError(f"{name}: invalid header")
    position = 0
    while position < len(body):
        kind = body[position]
        end = position + 4 + int.from_bytes(body[position + 1 : position + 4], "little")
        if end > len(body) or position + 4 > len(body):
            raise CodingError(f"{name}: the body ends too early")
        chunk, position = body[position:end], end
        if kind in (_COMPRESSED, _PLAIN):
            try:
                yield bytes(cramjam.snappy.decompress(STREAM_START + chunk))
            except cramjam.DecompressionError:
                raise CodingError(f"{name}: corrupt input") from None
        elif kind < _FIRST_SKIPPABLE or (kind == _START and chunk != STREAM_START):
            raise CodingError(f"{name}: corrupt input")
