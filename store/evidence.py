"""The evidence database: what a report rests on, frozen as a SQLite file of its own.

`facts` holds the fact rows that the report's queries counted, under the names that the analysis gave them;
`cited` the bytes of the spans it quotes; `meta` whose evidence it is. Anyone with `sqlite3` can open it, and
`halo verify` recomputes the report from it after the window has rolled on.
"""

import re
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import zstandard

from domain.errors import PermanentError
from store.base import EvidenceBundle

APPLICATION_ID = 0x48414C45
VERSION = 1
_PAGE_BYTES = 4096
_LEVEL = 9
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MAX_CITED_BYTES = 2**31


def write_evidence(bundle: EvidenceBundle) -> bytes:
    """The bundle as a SQLite file's bytes; ValueError when a column's name could not be one."""
    with written_evidence(bundle) as path:
        return path.read_bytes()


@contextmanager
def frozen_evidence(bundle: EvidenceBundle, level: int) -> Iterator[Path]:
    """The bundle as a SQLite file, compressed with zstd into another; gone when the block is left.

    Of a large window it is tens of megabytes, which need not stand in memory beside the facts.
    """
    with written_evidence(bundle) as path:
        compressed = path.with_suffix(".zst")
        with path.open("rb") as file, compressed.open("wb") as output:
            zstandard.ZstdCompressor(level=level).copy_stream(file, output, size=path.stat().st_size)
        yield compressed


@contextmanager
def written_evidence(bundle: EvidenceBundle) -> Iterator[Path]:
    """The bundle as a SQLite file, which is gone when the block is left."""
    named = _column_list(bundle.columns)
    with tempfile.TemporaryDirectory(prefix="halo-evidence-") as directory:
        path = Path(directory) / "evidence.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _write(connection, named, bundle)
        yield path


def _write(connection: sqlite3.Connection, named: str, bundle: EvidenceBundle) -> None:
    for setting in ("journal_mode=OFF", "synchronous=OFF", f"page_size={_PAGE_BYTES}"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    connection.execute(f"CREATE TABLE facts ({named})")
    connection.execute("CREATE TABLE cited (traces_data_zstd BLOB NOT NULL)")
    connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(bundle.meta.items()))
    connection.executemany(
        f"INSERT INTO facts VALUES ({', '.join('?' * len(bundle.columns))})", (tuple(row) for row in bundle.rows)
    )
    connection.execute("INSERT INTO cited VALUES (?)", (zstandard.compress(bundle.cited, _LEVEL),))
    connection.execute("COMMIT")


def read_evidence(source: bytes | Path) -> EvidenceBundle:
    """What `write_evidence` wrote; PermanentError when this is none, is damaged, or is of a newer version."""
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
        if not data:
            raise PermanentError("this evidence is empty; give the .evidence.db of the report's run")
        with closing(_in_memory()) as connection:
            connection.deserialize(data)
            connection.execute("PRAGMA trusted_schema=OFF")
            _refuse_foreign(connection)
            facts = connection.execute("SELECT * FROM facts ORDER BY rowid")
            columns = tuple(column[0] for column in facts.description)
            rows = facts.fetchall()
            cited = connection.execute("SELECT traces_data_zstd FROM cited").fetchone()[0]
            meta = dict(connection.execute("SELECT key, value FROM meta"))
        return EvidenceBundle(columns, rows, _decompress(cited), meta)
    except OSError as error:
        raise PermanentError(f"the evidence {source!s} cannot be read: {error.strerror or error}") from error
    except (sqlite3.Error, zstandard.ZstdError, TypeError, IndexError) as error:
        raise PermanentError(f"this is no evidence database, or a damaged one: {error}") from error


def _in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def _refuse_foreign(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise PermanentError("this is no evidence database; give the .evidence.db of the report's run")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise PermanentError(f"this evidence was written by a newer HALO (version {version}); use that version")


def _column_list(columns: Sequence[str]) -> str:
    wrong = [name for name in columns if not _COLUMN.fullmatch(name)]
    if wrong or not columns or len(set(columns)) != len(columns):
        raise ValueError(f"columns must be different names of lower-case letters, digits and _: {wrong or columns!r}")
    return ", ".join(f'"{name}"' for name in columns)


def _decompress(cited: bytes) -> bytes:
    size = zstandard.frame_content_size(cited)
    if not 0 <= size <= _MAX_CITED_BYTES:
        raise PermanentError("this evidence is damaged: its cited spans have no believable size")
    return zstandard.decompress(cited)
