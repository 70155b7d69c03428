"""Passages of span files as containers: the bytes stay in the file, a span is decoded when it is asked for.

Copying a file into a window takes five times as long as indexing it, and nobody reads all of it. What stands in the
file is the truth: a passage whose bytes are no longer what they were is refused.
"""

import json
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from domain.errors import PermanentError
from domain.halo_jsonl import decode_line
from domain.wire import Piece, split

_MARK = b"halo passage "


class Passage(NamedTuple):
    """Some whole lines of a file, and the CRC-32 of their bytes."""

    path: str
    offset: int
    length: int
    checksum: int

    def encoded(self) -> bytes:
        """As it stands in the window in place of the bytes."""
        return _MARK + json.dumps(self).encode()


def is_passage(data: bytes) -> bool:
    """Whether the bytes of a container stand for a passage; compressed bytes begin otherwise."""
    return data.startswith(_MARK)


def lines_of(text: bytes) -> list[bytes]:
    """The lines of a passage, by ordinal."""
    return text.removesuffix(b"\n").split(b"\n")


class Lines:
    """A container of span lines."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._lines = lines_of(raw)

    def line(self, ordinal: int) -> bytes:
        """A line as it stands in the file."""
        return self._lines[ordinal]

    def piece(self, ordinal: int) -> Piece:
        """The span of a line."""
        return next(split(decode_line(self._lines[ordinal]).SerializeToString()))


def open_passage(data: bytes) -> Lines:
    """The container that `Passage.encoded` stands for; PermanentError when the file is not as it was."""
    return Lines(read_passage(data))


def read_passage(data: bytes) -> bytes:
    """The bytes that `Passage.encoded` stands for; PermanentError as above."""
    path, offset, length, checksum = Passage._make(json.loads(data.removeprefix(_MARK)))
    try:
        with Path(path).open("rb") as file:
            file.seek(offset)
            raw = file.read(length)
    except OSError as error:
        raise PermanentError(f"{path}: cannot be read any more: {error.strerror}") from error
    if len(raw) != length or crc32(raw) != checksum:
        raise PermanentError(f"{path}: has changed since it was loaded; start again")
    return raw
