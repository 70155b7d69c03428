"""The control store: every part of it over one file."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from domain.runs import RunStatus
from store.base import ControlStore, Selection
from store.control.conversations import Conversations
from store.control.database import Database
from store.control.deliveries import Deliveries
from store.control.findings import Findings
from store.control.queue import selection_of
from store.control.results import Results
from store.control.runs import Runs
from store.control.schedules import Schedules
from store.control.triggers import Triggers

_UNDER_WAY: tuple[RunStatus, ...] = ("starting", "running")
_MANY = 10_000


class SqliteControl(Runs, Results, Findings, Conversations, Schedules, Triggers, Deliveries, Database):
    """`store.base.ControlStore` in control.db; several threads and processes may hold one each."""


def open_control(
    directory: Path,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> SqliteControl:
    """The control store of a data directory, created if need be; close it, or use it with `with`.

    ConfigError when the file was written by a newer version, is damaged, or cannot be written; it is never moved.
    """
    return SqliteControl(directory, now, new_id)


def protected_selections(control: ControlStore) -> list[Selection]:
    """The traces that runs under way read: retention must leave them in the window."""
    return [selection_of(run) for status in _UNDER_WAY for run in control.runs(status=status, limit=_MANY)]
