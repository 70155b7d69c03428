"""lz4 in its frame format, undone in pieces; frames may follow each other.

Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md.
"""

from collections.abc import Iterator

from collector.otlp.limits import PIECE_BYTES, CodingError


def pieces(name: str, body: bytes) -> Iterator[bytes]:
    """The content in pieces of at most `PIECE_BYTES`; CodingError when the body is no lz4 frame or cut short."""
    import lz4.frame

    stream, left, position = lz4.frame.LZ4FrameDecompressor(), b"", 0
    while True:
        if not left and stream.needs_input:
            left = body[position : position + PIECE_BYTES]
            position += len(left)
            if not left:
                raise CodingError(f"{name}: the body ends too early")
        try:
            piece = stream.decompress(left, PIECE_BYTES)
        except RuntimeError:
            raise CodingError(f"{name}: corrupt data") from None
        left = b""
        yield piece
        if stream.eof:
            left = stream.unused_data or b""
            if not left and position >= len(body):
                return
            stream = lz4.frame.LZ4FrameDecompressor()
