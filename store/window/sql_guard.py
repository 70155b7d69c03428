"""What a statement may touch: two views, a list of functions, and amounts that no single step can exceed.

SQLite asks the authorizer about every column and function while it prepares a statement. A column behind a view is
read in that view's name, but a subquery of a statement may be called like the view; so the names that are trusted here
are drawn anew for every connection (`Names`).
"""

import re
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.sql import VIEWS

_FUNCTIONS = """
abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce cos cosh count cume_dist date datetime degrees
dense_rank exp first_value floor glob group_concat hex ifnull iif instr julianday lag last_value lead length like
ln log log10 log2 lower max median min mod nth_value ntile nullif percent_rank percentile pi pow power
quote radians rank round row_number sign sin sinh sqrt strftime substr substring sum tan tanh time total
trunc typeof unicode unixepoch upper
"""
_ALLOWED = frozenset(_FUNCTIONS.split())
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 64,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 16,
    sqlite3.SQLITE_LIMIT_ATTACHED: 1,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 1_000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


@dataclass(frozen=True)
class Names:
    """Names of one connection that no statement can know: of the window, and of what stands behind the views."""

    secret: str = field(default_factory=lambda: secrets.token_hex(16))

    def of(self, what: str) -> str:
        """The name that something has on this connection."""
        return f"{what}_{self.secret}"

    def without(self, text: str) -> str:
        """A text in which these names do not stand."""
        return re.sub(rf"\w+_{self.secret}\.?", "", text)


def limit(connection: sqlite3.Connection) -> None:
    """Bound what a single step of a statement can take; time is bounded between steps."""
    for category, most in _LIMITS.items():
        connection.setlimit(category, most)


class Guard:
    """The authorizer of a connection, for statements that are not ours; `tables` are those of the window."""

    def __init__(self, names: Names, tables: Iterable[str]) -> None:
        self._tables = frozenset(tables)
        self._window = names.of("window")
        self._inner = frozenset(names.of(what) for what in ("traces", "rebuilt", "spans"))
        self._readable = self._inner | {*VIEWS, names.of("keys"), names.of("fresh")}

    def __call__(self, action: int, first: str | None, second: str | None, base: str | None, via: str | None) -> int:
        """SQLite's question about one thing that a statement wants; anything not known to be harmless is denied."""
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            allowed = via in self._inner or (second or "").lower() in _ALLOWED
        elif action == sqlite3.SQLITE_READ:
            allowed = via in self._inner or self._may_read(first, second, base)
        else:
            allowed = False
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    def _may_read(self, table: str | None, column: str | None, base: str | None) -> bool:
        """Whether something may be read outside the views: they themselves, and rows of which no column is taken.

        Of those, a table stands there as its view names it, with our name of the window before it, and a subquery
        by the name that the statement gave it.
        """
        if column:
            return base == "temp" and table in self._readable
        if base is None:
            return table is not None and table not in self._tables and not table.startswith("sqlite_")
        return base == self._window or (base == "temp" and table in self._readable)


def allowed_functions() -> str:
    """The functions a statement may call, in one line."""
    return " ".join(_FUNCTIONS.split())
