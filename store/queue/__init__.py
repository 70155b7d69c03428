"""forward.db: what was acknowledged and is still owed to the tracing backends that the user has."""

from store.queue.queue import SqliteForwardQueue, is_left_behind

__all__ = ["SqliteForwardQueue", "is_left_behind"]
