"""One transaction over a connection: all of it or nothing, and errors in the house's own words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import HaloError, RetryableError

RETRY_AFTER_S = 5.0


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what happens inside, or roll all of it back and raise what was raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def translated(error: BaseException) -> HaloError:
    """What a caller is told of a failure; nothing was kept, and what is unknown may be tried again."""
    if isinstance(error, HaloError):
        return error
    return RetryableError(f"the window cannot be written now: {error}", retry_after_s=RETRY_AFTER_S)
