"""gzip, zlib and deflate, undone in pieces.

What senders call deflate is nearly always zlib (RFC 1950) and now and then a bare stream (RFC 1951): both are read.
A gzip body may have several members (RFC 1952, 2.2).
"""

import zlib
from collections.abc import Iterator

from collector.otlp.limits import PIECE_BYTES, CodingError

_GZIP_WINDOW = 31
_ZLIB_WINDOW = 15


def pieces(name: str, body: bytes) -> Iterator[bytes]:
    """The content in pieces of at most `PIECE_BYTES`; CodingError when the body is not in that coding or cut short.

    The body is fed in slices, since zlib copies what it leaves of its input.
    """
    window = _window(name, body)
    stream, left, position, started = zlib.decompressobj(window), b"", 0, False
    while True:
        if not left:
            left = body[position : position + PIECE_BYTES]
            position += len(left)
        piece = _step(name, stream, left, started=started)
        if piece:
            started = True
            yield piece
        if not stream.eof:
            if not piece and not left:
                raise CodingError(f"{name}: the body ends too early")
            left = stream.unconsumed_tail
            continue
        left = stream.unused_data
        if name != "gzip" or (not left and position >= len(body)):
            return
        stream = zlib.decompressobj(window)


def _window(name: str, body: bytes) -> int:
    if name == "gzip":
        return _GZIP_WINDOW
    return _ZLIB_WINDOW if name == "zlib" or _has_zlib_header(body) else -_ZLIB_WINDOW


def _step(name: str, stream: "zlib._Decompress", data: bytes, *, started: bool) -> bytes:
    try:
        return stream.decompress(data, PIECE_BYTES)
    except zlib.error as error:
        problem = "invalid header" if "header" in str(error) and not started else "corrupt data"
        raise CodingError(f"{name}: {problem}") from None


def _has_zlib_header(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
