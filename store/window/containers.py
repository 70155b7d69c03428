"""Containers: the compressed bytes of hot batches and frames, passages of files, and reading spans out of them.

Bytes decompress to encoded TracesData. A hot batch is compressed for speed, since a sender waits for it; a frame for
size, with long-distance matching, because agents repeat whole message histories turn after turn. In the place of bytes
may stand where in a span file they are (`store.window.passages`).
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import Protocol

import zstandard

from domain.wire import Piece, locate
from store.window.passages import is_passage, open_passage

HOT_LEVEL = 1
FRAME_LEVEL = 3
_FRAME_WINDOW_LOG = 23


class Codec:
    """Compression with reused contexts; one per thread."""

    def __init__(self) -> None:
        frame = zstandard.ZstdCompressionParameters.from_level(
            FRAME_LEVEL, window_log=_FRAME_WINDOW_LOG, enable_ldm=True
        )
        self._hot = zstandard.ZstdCompressor(level=HOT_LEVEL)
        self._frame = zstandard.ZstdCompressor(compression_params=frame)
        self._decompressor = zstandard.ZstdDecompressor()

    def compress_hot(self, raw: bytes) -> bytes:
        """For a sender who waits."""
        return self._hot.compress(raw)

    def compress_frame(self, raw: bytes) -> bytes:
        """For good."""
        return self._frame.compress(raw)

    def decompress(self, data: bytes) -> bytes:
        """Either's inverse."""
        return self._decompressor.decompress(data)


def insert_container(
    connection: sqlite3.Connection,
    data: bytes,
    *,
    agent: int | None,
    spans: int,
    raw_bytes: int,
    oldest_ns: int,
    traces: Iterable[int],
) -> int:
    """Store compressed bytes; the container's number."""
    row = (agent, spans, spans, raw_bytes, len(data), oldest_ns, json.dumps(list(traces), separators=(",", ":")))
    number = connection.execute(
        "INSERT INTO containers (agent, spans, live, raw_bytes, stored_bytes, oldest_ns, traces)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        row,
    ).lastrowid
    assert number is not None
    connection.execute("INSERT INTO blobs (container, data) VALUES (?, ?)", (number, data))
    return number


def release_spans(connection: sqlite3.Connection, lost: Iterable[tuple[int, int]]) -> None:
    """Spans (container, how many) live elsewhere or nowhere now; a container without any goes."""
    lost = list(lost)
    connection.executemany("UPDATE containers SET live = live - ? WHERE id = ?", [(n, c) for c, n in lost])
    for container, _ in lost:
        gone = connection.execute("DELETE FROM containers WHERE id = ? AND live <= 0", (container,)).rowcount
        if gone:
            connection.execute("DELETE FROM blobs WHERE container = ?", (container,))


class Container(Protocol):
    """An open container: it holds `raw`, and has a span for every ordinal that a row names."""

    @property
    def raw(self) -> bytes:
        """What is held."""

    def piece(self, ordinal: int) -> Piece:
        """The span at an ordinal."""


class Spans:
    """A container of encoded spans, which are cut out of it when they are asked for."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._places = list(locate(raw))

    def piece(self, ordinal: int) -> Piece:
        """The span at an ordinal."""
        resource, scope, start, end = self._places[ordinal]
        return Piece(resource, scope, self.raw[start:end])


def open_container(connection: sqlite3.Connection, codec: Codec, number: int) -> Container | None:
    """A container by its number; None when it is gone."""
    row = connection.execute("SELECT data FROM blobs WHERE container = ?", (number,)).fetchone()
    if row is None:
        return None
    return open_passage(row[0]) if is_passage(row[0]) else Spans(codec.decompress(row[0]))
