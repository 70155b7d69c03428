"""The bytes of trace files as lines: read as a stream, decompressed when the first bytes say so.

A file is known by its first bytes, not by its name. Of a line beyond a limit only a beginning that shows so is held,
so that a file without line ends is not read whole.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, Protocol

import zstandard

from domain.errors import PermanentError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
READ_BYTES = 64 * 1024
_COMPRESSED_READ_BYTES = 1024  # what the best compressed kilobyte inflates to still fits in memory
_MAGIC_BYTES = 6
_COMPRESSIONS: Mapping[bytes, tuple[str, Callable[[], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda: zlib.decompressobj(wbits=31)),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMADecompressor),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\x28\xb5\x2f\xfd": ("zstd", lambda: zstandard.ZstdDecompressor().decompressobj()),
}


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""


class Line(NamedTuple):
    """A line without its end; `end` is the offset behind it, decompressed, `is_whole` false when it has no `\\n`."""

    number: int
    text: bytes
    end: int
    is_whole: bool = True


def is_compressed(head: bytes) -> bool:
    """Whether a file with these first bytes is decompressed."""
    return head.startswith(tuple(_COMPRESSIONS))


def is_encoded(head: bytes) -> bool:
    """Whether bytes begin as an encoded request does: field 1, a length, and no JSON after blank lines."""
    return head[:1] == b"\n" and bool(head.strip()) and not head.lstrip().startswith((b'{"', b"{ ", b"{'", b"{}"))


def whole(chunks: Iterable[bytes], most_bytes: int) -> Iterator[Line]:
    """All of a file as its line 1; of one beyond the limit only a beginning that shows it is beyond."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        if size <= most_bytes:
            held.append(chunk)
            size += len(chunk)
    yield Line(1, b"".join(held), size)


def lines(chunks: Iterable[bytes], most_bytes: int, number: int = 1, end: int = 0) -> Iterator[Line]:
    """Lines from `number` on, which begins at `end`; of one beyond the limit a beginning that shows it is beyond."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for part in ends:
            line = b"".join((*held, part))
            end += size + len(part) + 1
            yield Line(number, line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line, end)
            number += 1
            held, size = [], 0
        if rest and size <= most_bytes:
            held.append(rest)
        size += len(rest)
    if held:
        line = b"".join(held)
        yield Line(number, line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line, end + size, is_whole=False)


def chunks(file: Readable) -> Iterator[bytes]:
    """The content of a file in pieces, decompressed when its first bytes say so."""
    head = file.read(_MAGIC_BYTES)
    for magic, (name, start) in _COMPRESSIONS.items():
        if head.startswith(magic):
            return _inflated(file, head, name, start)
    return chain((head + file.read(READ_BYTES),), iter(partial(file.read, READ_BYTES), b""))


def _inflated(file: Readable, data: bytes, name: str, start: Callable[[], Any]) -> Iterator[bytes]:
    """Decompress member after member, as `cat a.gz b.gz` makes them; zeros between members are padding."""
    decompressor, is_inside = start(), False
    while data or (data := file.read(_COMPRESSED_READ_BYTES)):
        if not is_inside and not (data := data.lstrip(b"\0")):
            continue
        try:
            out = decompressor.decompress(data)
        except (OSError, lzma.LZMAError, zlib.error, zstandard.ZstdError):  # bz2 raises OSError
            raise PermanentError(f"damaged {name} data") from None
        if out:
            yield out
        is_inside, data = not decompressor.eof, b""
        if decompressor.eof:
            data = decompressor.unused_data
            decompressor = start()
    if is_inside:
        raise PermanentError(f"truncated {name} data")
