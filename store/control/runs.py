"""Runs and their timelines: who waits, who is taken, how each attempt ends.

Two locks rule the queue: one waiting run for each (agent, schedule), one running for each agent. An attempt may
change its run only while it is the current one and the run has not ended, so however often a run is taken
again, it ends once.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.runs import TERMINAL_STATUSES, Run, RunEvent, RunOptions, RunOrigin, RunStatus, RunWindow
from store.control.database import Database, add_event, as_time, find_one
from store.control.queue import CURRENT, as_run, give_back, insert_run

_CLAIM = """
UPDATE runs SET status = 'starting', attempt = attempt + 1, started_at = ?, error = NULL
WHERE number = (
    SELECT number FROM runs AS waiting WHERE finished_at IS NULL AND status = 'queued' AND NOT EXISTS (
        SELECT 1 FROM runs AS busy WHERE busy.agent_uuid = waiting.agent_uuid AND busy.status IN ('starting', 'running')
    ) ORDER BY number LIMIT 1
) RETURNING *
"""
_CONSTRAINTS = ("agent_uuid", "schedule_id", "status")


class Runs(Database):
    """The run queue."""

    def create_run(
        self,
        agent_uuid: str,
        window: RunWindow,
        options: RunOptions,
        *,
        title: str,
        origin: RunOrigin = "manual",
        schedule_id: str | None = None,
        scheduled_for: datetime | None = None,
        conversation_id: str | None = None,
    ) -> Run | None:
        """As `ControlStore.create_run`."""
        run = Run(
            id=self._new_id(),
            conversation_id=conversation_id or self._new_id(),
            agent_uuid=agent_uuid,
            status="queued",
            window=window,
            options=options,
            origin=origin,
            schedule_id=schedule_id,
            scheduled_for=scheduled_for,
            created_at=self._now(),
        )
        with self._writing() as connection:
            return run if insert_run(connection, run, title) else None

    def run(self, id_prefix: str) -> Run | None:
        """One run by id or unique prefix; PermanentError when several match."""
        with self._reading() as connection:
            row = find_one(connection, "run", id_prefix)
        return as_run(row) if row is not None else None

    def runs(
        self,
        *,
        agent_uuid: str | None = None,
        schedule_id: str | None = None,
        status: RunStatus | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Run]:
        """Runs, newest first."""
        wanted = zip(_CONSTRAINTS, (agent_uuid, schedule_id, status), strict=True)
        given = [(name, value) for name, value in wanted if value is not None]
        where = " AND ".join(["1", *(f"{name} = ?" for name, _ in given)])
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT * FROM runs WHERE {where} ORDER BY number DESC LIMIT ? OFFSET ?",
                (*(value for _, value in given), limit, offset),
            ).fetchall()
        return [as_run(row) for row in rows]

    def claim_run(self) -> Run | None:
        """Take the oldest queued run whose agent has none running: `starting`, attempt + 1."""
        with self._reading() as connection:
            if not connection.execute(
                "SELECT 1 FROM runs WHERE finished_at IS NULL AND status = 'queued' LIMIT 1"
            ).fetchone():
                return None  # asked many times a second: most answers take no lock
        with self._writing() as connection:
            row = connection.execute(_CLAIM, (self._time(),)).fetchone()
            return as_run(row) if row is not None else None

    def recover_runs(self) -> list[Run]:
        """At start: runs left `starting` or `running` by a crash go back to `queued`; cancelled ones end."""
        with self._writing() as connection:
            left = connection.execute(
                "SELECT id, attempt FROM runs WHERE finished_at IS NULL AND status != 'queued' ORDER BY number"
            ).fetchall()
            now = self._time()
            given_back = [give_back(connection, row["id"], row["attempt"], None, now) for row in left]
        return [as_run(row) for row in given_back if row is not None]

    def requeue_run(self, run_id: str, attempt: int, error: str | None = None) -> bool:
        """An attempt that died goes back to the queue, or ends when cancellation was asked for; False as `end_run`."""
        with self._writing() as connection:
            return give_back(connection, run_id, attempt, error, self._time()) is not None

    def mark_running(self, run_id: str, attempt: int) -> bool:
        """`starting` → `running`; False when this attempt is no longer the current one."""
        with self._writing() as connection:
            changed = connection.execute(
                f"UPDATE runs SET status = 'running' WHERE {CURRENT} AND status = 'starting'", (run_id, attempt)
            )
            return changed.rowcount == 1

    def end_run(self, run_id: str, attempt: int, status: RunStatus, error: str | None = None) -> bool:
        """End a run without a report; False when this attempt is no longer the current one."""
        if status not in TERMINAL_STATUSES:
            raise ValueError(f"{status!r} does not end a run")
        now = self._time()
        with self._writing() as connection:
            changed = connection.execute(
                f"UPDATE runs SET status = ?, error = ?, finished_at = ? WHERE {CURRENT}",
                (status, error, now, run_id, attempt),
            )
            if changed.rowcount == 1:
                add_event(connection, run_id, status, {"error": error} if error else {}, now)
            return changed.rowcount == 1

    def request_cancel(self, run_id: str, reason: str) -> Run | None:
        """Ask for cancellation: a queued run ends at once, another carries the reason until its worker acts."""
        now = self._time()
        with self._writing() as connection:
            row = connection.execute(
                "UPDATE runs SET cancel_reason = coalesce(cancel_reason, ?), "
                "finished_at = iif(status = 'queued', ?, NULL), status = iif(status = 'queued', 'cancelled', status) "
                "WHERE id = ? AND finished_at IS NULL RETURNING *",
                (reason, now, run_id),
            ).fetchone()
            if row is not None:
                kind = "cancelled" if row["finished_at"] else "cancel_requested"
                add_event(connection, run_id, kind, {"reason": row["cancel_reason"]}, now)
            else:
                row = connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone()
        return as_run(row) if row is not None else None

    def add_event(self, run_id: str, kind: str, payload: Mapping[str, Any]) -> None:
        """Append to a run's timeline; sequences start at 1."""
        with self._writing() as connection:
            add_event(connection, run_id, kind, payload, self._time())

    def events(self, run_id: str, *, after: int = 0, limit: int = 100) -> list[RunEvent]:
        """A run's timeline in order."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT sequence, type, created_at, payload FROM events "
                "WHERE run_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",
                (run_id, after, limit),
            ).fetchall()
        return [
            RunEvent(
                sequence=row["sequence"],
                type=row["type"],
                created_at=as_time(row["created_at"]),
                payload=json.loads(row["payload"]),
            )
            for row in rows
        ]
