"""Content codings of HTTP bodies, undone piece by piece so that a bomb costs no more memory than the limit.

Codings: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1. What senders call deflate is nearly always zlib
(RFC 1950) and now and then a bare stream (RFC 1951): both are read.
"""

import zlib
from collections.abc import Iterator

from collector.otlp.limits import TooLargeError
from domain.errors import PermanentError

PIECE_BYTES = 256 * 1024
_GZIP_WINDOW = 31
_ZLIB_WINDOW = 15
_NAMES = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


def coding(header: str) -> str:
    """The coding a Content-Encoding header names, in any case; empty for none, PermanentError when unsupported."""
    name = header.strip().lower()
    if name not in _NAMES:
        raise PermanentError(f"unsupported Content-Encoding: {name[:100]}; use gzip, deflate or none")
    return _NAMES[name]


def inflate(name: str, body: bytes, limit: int) -> Iterator[bytes]:
    """The content of a body in coding `gzip` or `deflate`, in pieces of at most `PIECE_BYTES`.

    TooLargeError as soon as the content passes `limit` bytes, PermanentError when the body is not in that coding
    or ends too early. A gzip body may have several members (RFC 1952, 2.2).
    """
    size = 0
    for piece in _pieces(name, body):
        size += len(piece)
        if size > limit:
            raise TooLargeError(limit)
        yield piece


def _pieces(name: str, body: bytes) -> Iterator[bytes]:
    """The content without a limit; the body is fed in slices, since zlib copies what it leaves of its input."""
    window = _GZIP_WINDOW if name == "gzip" else _ZLIB_WINDOW if _has_zlib_header(body) else -_ZLIB_WINDOW
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
                raise PermanentError(f"{name}: the body ends too early")
            left = stream.unconsumed_tail
            continue
        left = stream.unused_data
        if name != "gzip" or (not left and position >= len(body)):
            return
        stream = zlib.decompressobj(window)


def _step(name: str, stream: "zlib._Decompress", data: bytes, *, started: bool) -> bytes:
    try:
        return stream.decompress(data, PIECE_BYTES)
    except zlib.error as error:
        problem = "invalid header" if "header" in str(error) and not started else "corrupt data"
        raise PermanentError(f"{name}: {problem}") from None


def _has_zlib_header(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
