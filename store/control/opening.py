"""Opening control.db: created, migrated, or refused; never moved aside, because it is the precious part.

Runs, schedules and reports exist nowhere else, so a file that cannot be used is left as it is, and the person
who started the program decides.
"""

import sqlite3
import sys
from pathlib import Path

from domain.errors import ConfigError
from store.control.schema import APPLICATION_ID, MIGRATIONS, VERSION
from store.window.connecting import require_sqlite
from store.window.transactions import transaction

CONTROL_NAME = "control.db"
_BUSY_TIMEOUT_S = 10.0
_PAGE_BYTES = 1024
_CHECKPOINT_PAGES = 40
_LOG_BYTES = 32 * 1024


def connect_control(directory: Path) -> sqlite3.Connection:
    """A durable connection to the directory's control.db, created if need be; ConfigError when it cannot be used."""
    require_sqlite()
    path = directory / CONTROL_NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"store.directory: {path} cannot be opened ({error}); use another --data-dir") from error
    try:
        _refuse_unusable(connection, path)
        _set_up(connection)
        _migrate(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        raise ConfigError(f"store.directory: {path} cannot be written ({error}); use another --data-dir") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise ConfigError(
            f"store.directory: {path} is damaged or no database of HALO ({error}); "
            "restore it from a backup, or move it away to start without its runs, schedules and reports"
        ) from error
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    for pragma in (
        f"page_size={_PAGE_BYTES}",
        "auto_vacuum=INCREMENTAL",
        "journal_mode=WAL",
        "synchronous=FULL",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
        f"journal_size_limit={_LOG_BYTES}",
        "temp_store=MEMORY",
        "cache_size=-1024",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if sys.platform == "darwin":
        connection.execute("PRAGMA fullfsync=ON")
        connection.execute("PRAGMA checkpoint_fullfsync=ON")


def _refuse_unusable(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN")  # one state of the file: another process may be creating it between two answers
    try:
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
    finally:
        connection.execute("ROLLBACK")
    if tables and owner != APPLICATION_ID:
        raise sqlite3.DatabaseError("another program's file")
    if version > VERSION:
        raise ConfigError(
            f"store.directory: {path} was written by a newer HALO (version {version}, this one knows {VERSION}); "
            "use that version, or another --data-dir"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to `VERSION` in one transaction; of two processes that open it at once, one does so."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    with transaction(connection):
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        for migration in MIGRATIONS[found:]:
            migration(connection)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
