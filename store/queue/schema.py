"""The tables of forward.db.

A request is stored once, compressed; `owed` says to whom. An id is never given twice (AUTOINCREMENT), so that ids
grow in the order of arrival, over restarts too.
"""

import sqlite3

from store.window.transactions import transaction

VERSION = 1
APPLICATION_ID = 0x48464F52  # "HFOR"
_TABLES = (
    "CREATE TABLE targets (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    """CREATE TABLE requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        signal TEXT NOT NULL,
        items INTEGER NOT NULL,
        raw_bytes INTEGER NOT NULL,
        stored_bytes INTEGER NOT NULL,
        queued_ns INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE owed (
        target INTEGER NOT NULL,
        request INTEGER NOT NULL,
        PRIMARY KEY (target, request)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX owed_by_request ON owed (request)",
)


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty file a queue; a queue stays as it is."""
    if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
        return
    with transaction(connection):
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
