"""Opening forward.db: created, or, when it cannot be used, moved aside.

What a damaged queue held may not have reached its targets; new telemetry is acknowledged and sent on all the same.
"""

import sqlite3
from functools import partial
from pathlib import Path

import structlog

from store.queue.schema import APPLICATION_ID, VERSION, create_tables
from store.unusable import move_aside, open_or_move_aside
from store.window.connecting import connect_writer
from store.window.opening import limit_size
from telemetry.metrics import FORWARD_QUEUES_MOVED_ASIDE

QUEUE_NAME = "forward.db"
_LOG = structlog.get_logger()


def open_queue_file(directory: Path, *, max_file_bytes: int) -> sqlite3.Connection:
    """The writing connection of a directory's forward.db; RetryableError when the disk does not let it open."""
    return open_or_move_aside(
        directory / QUEUE_NAME,
        connect_writer,
        partial(_prepare, directory, max_file_bytes),
        application_id=APPLICATION_ID,
        version=VERSION,
        moved=_tell,
    )


def _prepare(directory: Path, max_file_bytes: int, connection: sqlite3.Connection) -> None:
    """Make the tables, look at the far end of each, and cap the file."""
    create_tables(connection)
    connection.execute("SELECT count(*), max(request) FROM owed").fetchall()
    connection.execute("SELECT max(id) FROM requests").fetchall()
    limit_size(connection, directory, max_file_bytes)


def move_queue_aside(directory: Path, reason: str) -> None:
    """Make room for a new forward.db."""
    _tell(move_aside(directory / QUEUE_NAME, reason), reason)


def _tell(kept_as: Path, reason: str) -> None:
    FORWARD_QUEUES_MOVED_ASIDE.labels(reason).inc()
    _LOG.error("forward_queue_moved_aside", reason=reason, kept_as=str(kept_as))
