"""Asking the window in SQL; what goes wrong there is told to the model in words it can act on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from domain.claims import Scalar
from domain.errors import PermanentError, RetryableError
from domain.sql import NO_ARGS, SqlLimits
from engine.tooling import ToolError
from engine.window import TraceWindow

_LIMITS = SqlLimits(rows=2_000_000, size_bytes=1 << 29, seconds=30.0)
_LISTED_AT_ONCE = 2_000  # positions that a statement may list; its text is bounded

Row = tuple[Scalar, ...]


def rows_of(window: TraceWindow, sql: str, args: Mapping[str, Scalar] = NO_ARGS) -> tuple[Row, ...]:
    """The rows of a statement over the window's views."""
    with told_plainly():
        answer = window.reader.query(sql, args, selection=window.selection, limits=_LIMITS)
    if answer.cut:
        raise ToolError(f"this is too much for one answer ({answer.cut}); narrow it with filters")
    return answer.rows


@contextmanager
def told_plainly() -> Iterator[None]:
    """Errors of the window in words for the model."""
    try:
        yield
    except PermanentError as error:
        raise ToolError(f"this cannot be computed over the whole window ({error}); narrow it with filters") from error
    except RetryableError as error:
        raise ToolError(f"{error}; call again") from error


def listed(positions: Sequence[int], column: str = "position") -> Iterator[str]:
    """Conditions that together hold for the traces at these positions, few enough at once for a statement."""
    for start in range(0, len(positions), _LISTED_AT_ONCE):
        yield f"{column} IN ({','.join(map(str, positions[start : start + _LISTED_AT_ONCE]))})"


def integer(value: Scalar) -> int:
    """A count from SQL, where the sum of nothing is NULL."""
    return int(value or 0)
