"""One run's evidence out of a control.db that somebody else may be using, or that may only be read."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import zstandard

from domain.errors import PermanentError
from store.control.opening import CONTROL_NAME


def kept_evidence(directory: Path, run_id: str) -> bytes | None:
    """The evidence database of a run as a SQLite file's bytes; None when the directory keeps none.

    Changes nothing, migrates nothing. PermanentError when the file cannot be read.
    """
    path = directory / CONTROL_NAME
    if not path.is_file():
        return None
    # Without a log nobody is writing, and a directory that may only be read has room for no log either.
    how = "mode=ro" if path.with_name(f"{CONTROL_NAME}-wal").exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True)) as connection:
            row = connection.execute("SELECT evidence FROM reports WHERE run_id = ?", (run_id,)).fetchone()
    except sqlite3.Error as error:
        raise PermanentError(f"{path} cannot be read ({error}); give --evidence") from error
    return zstandard.decompress(row[0]) if row is not None else None
