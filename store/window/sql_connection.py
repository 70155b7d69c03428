"""A connection for statements that are not ours: one selection's traces behind two views, and nothing else.

The file is attached read-only to an empty database in memory, under a name that no statement can know. What large
sorts need goes to temporary files, so that memory stays within the caches. Which traces are selected is looked up
again when the window has changed, or may have become more complete with time.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from domain.contents import TraceContents
from domain.sql import TRACES, VIEWS
from store.base import Selection
from store.window.selecting import COMPLETE, agent_numbers, conditions, select
from store.window.sql_contents import contents
from store.window.sql_functions import Median, Percentile, found_at
from store.window.sql_guard import Guard, Names, limit
from store.window.sql_views import selected
from store.window.summaries import Listed, completeness_cuts, summaries

_CACHE_KIB = 4_096
_BUSY_TIMEOUT_S = 5.0
_AT_ONCE = 10_000
_LONGEST_LIST_BYTES = 1 << 26  # of numbers; a trace may have a million spans that all are named otherwise


class SqlConnection:
    """A connection for one selection and one statement at a time; raises sqlite3.Error when there is no file."""

    def __init__(self, path: Path, selection: Selection) -> None:
        self.file = path.stat().st_ino
        self.selection = selection
        self.names = names = Names()
        self._window, self._keys, self._index = (names.of(what) for what in ("window", "keys", "index"))
        self._fresh = names.of("fresh")
        self._traces, self._rebuilt, self._spans = (names.of(what) for what in ("traces", "rebuilt", "spans"))
        self._seen: int | None = None  # the state of the window that `keys` comes from, unless more may be complete now
        self._connection = sqlite3.connect(
            "file::memory:", uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._attach(path)
            self._prepare()
            tables = self._connection.execute(f"SELECT name FROM {self._window}.sqlite_schema").fetchall()
            self._guard = Guard(names, (name for (name,) in tables))
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    @contextmanager
    def ready(self, now_ns: int) -> Iterator[sqlite3.Connection]:
        """The connection in one state of the window, guarded."""
        with self._in_one_state(now_ns) as connection:
            connection.set_authorizer(self._guard)
            yield connection

    def contents(self, positions: Sequence[int], now_ns: int, clock: Callable[[], float]) -> list[TraceContents]:
        """The contents of the selection's traces at some positions; statements of ours need no guard."""
        with self._in_one_state(now_ns) as connection:
            most_bytes = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_LIST_BYTES)
            try:
                return contents(connection, self._window, self._keys, positions, clock)
            finally:
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_bytes)

    @contextmanager
    def _in_one_state(self, now_ns: int) -> Iterator[sqlite3.Connection]:
        """The connection in one state of the window, in a transaction that writes nothing."""
        connection = self._connection
        connection.execute("PRAGMA query_only=OFF")
        connection.execute("BEGIN")
        try:
            self._refresh(now_ns)
            connection.execute("PRAGMA query_only=ON")
            yield connection
        finally:
            connection.set_progress_handler(None, 0)
            connection.set_authorizer(None)
            if connection.in_transaction:
                connection.execute("ROLLBACK" if self._seen is None else "COMMIT")

    def _attach(self, path: Path) -> None:
        file = f"file:{quote(str(path.absolute()))}?mode=ro"
        self._connection.execute(f"ATTACH ? AS {self._window}", (file,))
        for pragma in (
            "temp_store=FILE",
            "trusted_schema=OFF",
            f"main.cache_size=-{_CACHE_KIB}",  # how much a sort holds before it goes to a file
            f"{self._window}.cache_size=-{_CACHE_KIB}",
            f"temp.cache_size=-{_CACHE_KIB}",
        ):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        limit(self._connection)

    def _prepare(self) -> None:
        """The tables and views behind the two views, and the functions that SQLite lacks."""
        keys, fresh, window = self._keys, self._fresh, self._window
        traces = f"SELECT {selected('traces', window)} FROM temp.{keys} k JOIN {window}.traces t ON t.id = k.key"
        spans = f"SELECT {selected('spans', window)} FROM temp.{keys} k JOIN {window}.spans s ON s.trace = k.key"
        for statement in (
            f"CREATE TEMP TABLE {keys} (key INTEGER PRIMARY KEY, trace_id TEXT NOT NULL)",
            f"CREATE TEMP TABLE {fresh} ({', '.join(column.name for column in TRACES)})",
            f"CREATE TEMP VIEW {self._traces} AS {traces}",
            f"CREATE TEMP VIEW {self._rebuilt} AS {traces} WHERE NOT t.dirty UNION ALL SELECT * FROM temp.{fresh}",
            f"CREATE TEMP VIEW {self._spans} AS {spans}",
        ):
            self._connection.execute(statement)
        self._connection.create_function("instr", 2, found_at, deterministic=True)
        self._connection.create_aggregate("median", 1, Median)  # type: ignore[arg-type] # typeshed wants step() to return
        self._connection.create_aggregate("percentile", 2, Percentile)  # type: ignore[arg-type] # as above

    def _refresh(self, now_ns: int) -> None:
        """Look up the traces of the selection, unless they are still the same."""
        state = self._connection.execute(f"PRAGMA {self._window}.data_version").fetchone()[0]
        if state == self._seen:
            return
        self._seen = None
        for view in VIEWS:
            self._connection.execute(f"DROP VIEW IF EXISTS temp.{view}")
        for table in (self._keys, self._fresh):
            self._connection.execute(f"DELETE FROM temp.{table}")
        is_rebuilt, is_final = self._fill(now_ns)
        for view, inner in (("traces", self._rebuilt if is_rebuilt else self._traces), ("spans", self._spans)):
            self._connection.execute(f"CREATE TEMP VIEW {view} AS SELECT * FROM temp.{inner}")
        self._seen = state if is_final else -1

    def _fill(self, now_ns: int) -> tuple[bool, bool]:
        """Find the traces; whether some had to be rolled up anew, and whether all that are there are complete."""
        connection = self._connection
        connection.execute(f"DROP INDEX IF EXISTS temp.{self._index}")
        cuts = completeness_cuts(connection, now_ns)
        is_rebuilt = False
        if connection.execute(f"SELECT 1 FROM {self._window}.traces WHERE dirty LIMIT 1").fetchone():
            found = select(connection, self.selection, now_ns)
            self._fill_keys(found.keys)
            is_rebuilt = self._fill_fresh(cuts)
            is_final = not found.settling and not found.open
        else:
            uuids = self.selection.agent_uuids
            numbers = None if uuids is None else agent_numbers(connection, uuids)
            where, values = conditions(self.selection, numbers, cuts)
            traces = f"FROM {self._window}.traces t WHERE {where}"
            keys = f"SELECT t.id, lower(hex(t.trace_id)) {traces} AND {COMPLETE} ORDER BY t.id"
            connection.execute(f"INSERT INTO temp.{self._keys} {keys}", values)
            rest = f"SELECT 1 {traces} AND NOT {COMPLETE} LIMIT 1"
            is_final = connection.execute(rest, values).fetchone() is None
        connection.execute(f"CREATE UNIQUE INDEX temp.{self._index} ON {self._keys} (trace_id)")
        return is_rebuilt, is_final

    def _fill_keys(self, keys: Sequence[int]) -> None:
        filling = (
            f"INSERT INTO temp.{self._keys} SELECT t.id, lower(hex(t.trace_id))"
            f" FROM json_each(?) j JOIN {self._window}.traces t ON t.id = j.value"
        )
        for start in range(0, len(keys), _AT_ONCE):
            self._connection.execute(filling, (json.dumps(keys[start : start + _AT_ONCE]),))

    def _fill_fresh(self, cuts: tuple[int, int]) -> bool:
        """Rows of the selected traces whose sums are older than their spans; whether there are any."""
        dirty = f"WHERE t.dirty AND t.id IN (SELECT key FROM temp.{self._keys})"
        listed = list(summaries(self._connection, dirty, {}, cuts))
        sizes = f"SELECT t.id, t.bytes FROM {self._window}.traces t {dirty}"
        size_bytes = dict(self._connection.execute(sizes).fetchall()) if listed else {}
        row = ", ".join("?" * len(TRACES))
        self._connection.executemany(
            f"INSERT INTO temp.{self._fresh} VALUES ({row})", [_fresh(each, size_bytes[each.key]) for each in listed]
        )
        return bool(listed)


def _fresh(listed: Listed, size_bytes: int) -> tuple[object, ...]:
    """A trace's row as the view has it."""
    trace = listed.summary
    known = (trace.agent_name or None, trace.service or None, trace.root_name or None, trace.session, trace.status.name)
    times = (trace.start_ns, trace.end_ns, (trace.end_ns - trace.start_ns) / 1e6)
    counts = (trace.span_count, trace.llm_spans, trace.tool_spans, trace.error_spans, trace.leaf_errors)
    tokens = (trace.input_tokens, trace.output_tokens)
    return (trace.trace_id, trace.source_trace_id, *known, *times, *counts, *tokens, size_bytes, listed.key)
