"""What one transaction does to the run queue: put a run in, give one back; and a row as a Run."""

import sqlite3
from datetime import UTC, datetime, timedelta

from domain.runs import Run, RunOptions, RunWindow, Trigger
from store.base import Selection
from store.control.database import add_event, as_text, as_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CURRENT = "id = ? AND attempt = ? AND finished_at IS NULL"
"""The condition under which an attempt may still change its run."""
_TAKEN = """
SELECT 1 FROM runs WHERE schedule_id = ? AND (
    scheduled_for = ? OR agent_uuid = ? AND status = 'queued' AND finished_at IS NULL
)
"""
_INSERT_RUN = """
INSERT INTO runs (
    id, conversation_id, agent_uuid, status, window_start, window_end, options, origin, schedule_id, scheduled_for,
    trigger, created_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_GIVE_BACK = f"""
UPDATE runs SET status = iif(cancel_reason IS NULL, 'queued', 'cancelled'), error = ?,
    finished_at = iif(cancel_reason IS NULL, NULL, ?)
WHERE {CURRENT} AND status != 'queued' RETURNING *
"""


def insert_run(connection: sqlite3.Connection, run: Run, title: str) -> bool:
    """Queue a run, with its conversation if that is new; False when its schedule has one waiting or had this slot."""
    slot = as_text(run.scheduled_for) if run.scheduled_for else None
    if run.schedule_id and connection.execute(_TAKEN, (run.schedule_id, slot, run.agent_uuid)).fetchone():
        return False
    now = as_text(run.created_at)
    connection.execute(
        "INSERT INTO conversations (id, title, agent_uuid, created_at, updated_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO NOTHING",
        (run.conversation_id, title, run.agent_uuid, now, now),
    )
    if run.options.prompt:
        add_message(connection, run.conversation_id, "user", run.options.prompt, run.id, now)
    values = (
        run.id,
        run.conversation_id,
        run.agent_uuid,
        run.status,
        as_text(run.window.start),
        as_text(run.window.end),
        run.options.model_dump_json(),
        run.origin,
        run.schedule_id,
        slot,
        run.trigger.model_dump_json() if run.trigger else None,
        now,
    )
    connection.execute(_INSERT_RUN, values)
    add_event(connection, run.id, "queued", {"origin": run.origin}, now)
    return True


def add_message(
    connection: sqlite3.Connection, conversation_id: str, role: str, content: str, run_id: str, created_at: str
) -> None:
    """Append to a conversation; sequences start at 1."""
    connection.execute(
        "INSERT INTO messages SELECT ?, coalesce(max(sequence), 0) + 1, ?, ?, ?, ? "
        "FROM messages WHERE conversation_id = ?",
        (conversation_id, role, content, run_id, created_at, conversation_id),
    )
    connection.execute("UPDATE conversations SET updated_at = ? WHERE id = ?", (created_at, conversation_id))


def give_back(
    connection: sqlite3.Connection, run_id: str, attempt: int, error: str | None, now: str
) -> sqlite3.Row | None:
    """An attempt that died: its run waits again, or is cancelled if that was asked for; None if it had ended."""
    row: sqlite3.Row | None = connection.execute(_GIVE_BACK, (error, now, run_id, attempt)).fetchone()
    if row is not None:
        payload = {"attempt": attempt, **({"error": error} if error else {})}
        add_event(connection, run_id, "requeued" if row["status"] == "queued" else "cancelled", payload, now)
    return row


def as_run(row: sqlite3.Row) -> Run:
    """A row of `runs`."""
    moments = ("scheduled_for", "created_at", "started_at", "finished_at")
    same = (
        "id",
        "conversation_id",
        "agent_uuid",
        "status",
        "origin",
        "schedule_id",
        "attempt",
        "cancel_reason",
        "error",
        "report_id",
        "traces",
        "spans",
    )
    return Run(
        window=RunWindow(start=as_time(row["window_start"]), end=as_time(row["window_end"])),
        options=RunOptions.model_validate_json(row["options"]),
        trigger=Trigger.model_validate_json(row["trigger"]) if row["trigger"] else None,
        **{name: as_time(row[name]) if row[name] else None for name in moments},
        **{name: row[name] for name in same},
    )


def selection_of(run: Run) -> Selection:
    """The traces that a run looks at."""
    return Selection(_nanoseconds(run.window.start), _nanoseconds(run.window.end), (run.agent_uuid,))


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000
