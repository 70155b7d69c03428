"""Which log records of a trace the window has, remembered by the one writer.

A trace that logs for hours has thousands of rows before it is folded; to read them all again for each new
record would make the work quadratic. The memory is bounded. What retention has taken meanwhile is noticed
when all of a trace is gone; a record of which only the row is gone counts as known, and is not kept again.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable

from store.window.log_planning import split_keys

_MAX_KEYS = 50_000


class KnownLogs:
    """The keys of records by trace; used by one thread."""

    def __init__(self) -> None:
        self._by_trace: OrderedDict[bytes, set[bytes]] = OrderedDict()
        self._count = 0

    def keys(self, connection: sqlite3.Connection, trace_id: bytes) -> set[bytes]:
        """The keys of the records that the window has of a trace."""
        rows = "SELECT keys FROM logs WHERE trace_id = ?"
        known = self._by_trace.pop(trace_id, None)
        if known is not None:
            self._count -= len(known)
            if connection.execute(rows + " LIMIT 1", (trace_id,)).fetchone() is None:
                known = None
        if known is None:
            known = {key for (keys,) in connection.execute(rows, (trace_id,)) for key in split_keys(keys)}
        return known

    def remember(self, trace_id: bytes, known: set[bytes], news: Iterable[bytes]) -> None:
        """A trace has some more; forgets the traces that were not asked for longest when that is too much."""
        known.update(news)
        self._by_trace[trace_id] = known
        self._count += len(known)
        while self._count > _MAX_KEYS and self._by_trace:
            self._count -= len(self._by_trace.popitem(last=False)[1])

    def forget(self) -> None:
        """What was remembered since the last commit is not so."""
        self._by_trace.clear()
        self._count = 0
