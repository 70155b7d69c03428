"""What a window of files holds of each file: enough to tell an unchanged file from a grown one and from another.

A record stands in the window it tells of and is written in the same transaction as the spans, so that neither is ever
there without the other.
"""

import json
import os
import sqlite3
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

from domain.version import VERSION
from store.loading import BadLine, FilePart, LoadReport
from store.window.schema import VERSION as SCHEMA_VERSION

FORMAT = f"{VERSION}/{SCHEMA_VERSION}/1"
"""Windows of another format are made anew: what HALO reads in a span may have changed."""
_KEY = "files"
_PROBE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file as it was loaded: its first `loaded_bytes`, which hold `lines` lines and have the hash `probe`.

    Only a file that `may_grow` can be read on from there. `cut` is the line at its end that could not be used and has
    no line end: it is read again with what follows.
    """

    path: str
    size: int
    mtime_ns: int
    loaded_bytes: int
    lines: int
    may_grow: bool
    probe: str
    cut: BadLine | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """All files of a window, and what was told when they were loaded, cut lines left out."""

    files: tuple[FileRecord, ...]
    report: LoadReport
    format: str = FORMAT


def describe(part: FilePart, before: os.stat_result, path: str) -> FileRecord:
    """The record of a file that was read; `before` is what it was when reading began, `path` what it is called.

    A file that somebody changed meanwhile otherwise than by adding to it matches nothing the next time.
    """
    cut = part.cut and replace(part.cut, file=path)
    with part.path.open("rb") as file:
        now = os.fstat(file.fileno())
        is_same = now.st_ino == before.st_ino and (
            now.st_size > before.st_size or now.st_mtime_ns == before.st_mtime_ns
        )
        return FileRecord(
            path=path,
            size=before.st_size,
            mtime_ns=before.st_mtime_ns,
            loaded_bytes=part.start if part.is_text else before.st_size,
            lines=part.lines,
            may_grow=part.is_text,
            probe=probe(file, part.start if part.is_text else before.st_size) if is_same else "",
            cut=cut,
        )


def probe(file: IO[bytes], size: int) -> str:
    """A hash of the first `size` bytes of a file, by their beginning and end."""
    found = blake2b(size.to_bytes(8, "big"), digest_size=16)
    for start in (0, max(size - _PROBE_BYTES, 0)):
        file.seek(start)
        found.update(file.read(min(_PROBE_BYTES, size - start)))
    return found.hexdigest()


def save(connection: sqlite3.Connection, record: Record) -> None:
    """Write a record, in the caller's transaction."""
    text = json.dumps(asdict(record), ensure_ascii=True)
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_KEY, text))


def load(connection: sqlite3.Connection) -> Record | None:
    """The record of a window; None when it has none that this version can use."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    if row is None:
        return None
    try:
        return _record(json.loads(row[0]))
    except (TypeError, ValueError, KeyError):
        return None


def _record(found: dict[str, Any]) -> Record | None:
    if found["format"] != FORMAT:
        return None
    report = found["report"]
    report["bad"] = [BadLine(**bad) for bad in report["bad"]]
    files = [FileRecord(**{**each, "cut": each["cut"] and BadLine(**each["cut"])}) for each in found["files"]]
    return Record(tuple(files), LoadReport(**report))


def is_unchanged(record: FileRecord) -> bool:
    """Whether a file is still as it was loaded."""
    try:
        found = Path(record.path).stat()
        if (found.st_size, found.st_mtime_ns) != (record.size, record.mtime_ns):
            return False
        with Path(record.path).open("rb") as file:
            return probe(file, record.loaded_bytes) == record.probe
    except OSError:
        return False


def rest_of(record: FileRecord, path: Path) -> FilePart | None:
    """What a file has gained since; None when it does not simply go on where it was left."""
    if not record.may_grow:
        return None
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= record.size or probe(file, record.loaded_bytes) != record.probe:
                return None
            file.seek(max(record.loaded_bytes - 1, 0))
            last, following = file.read(1), file.read(1)
    except OSError:
        return None
    start = record.loaded_bytes
    if start and last != b"\n":  # the last line was a good one as it stood: it may be ended now, not continued
        if following != b"\n":
            return None
        start += 1
    return FilePart(path, start, record.lines, size)
