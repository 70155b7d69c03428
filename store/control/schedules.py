"""Schedules: kept whole, as what the API shows; and the one transaction in which a slot becomes a run."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from domain.errors import PermanentError
from domain.runs import Cadence, Run, RunOptions, RunWindow, Schedule
from store.control.database import Database, find_one
from store.control.queue import insert_run

_REPLANNING = frozenset(("cadence", "enabled", "archived"))
"""Fields whose change makes the known next fire worthless."""
_PLANNED = frozenset(("next_fire_at", "last_fired_for"))
"""Fields that the scheduler sets, not a person."""


class Schedules(Database):
    """Recurring analyses."""

    def create_schedule(
        self,
        title: str,
        agent_uuid: str,
        cadence: Cadence,
        *,
        lookback_hours: float,
        options: RunOptions,
        enabled: bool,
    ) -> Schedule:
        """A new schedule; its next fire is computed by the scheduler."""
        now = self._now()
        schedule = Schedule(
            id=self._new_id(),
            title=title,
            agent_uuid=agent_uuid,
            cadence=cadence,
            lookback_hours=lookback_hours,
            options=options,
            enabled=enabled,
            created_at=now,
            updated_at=now,
        )
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO schedules (id, body) VALUES (?, ?)", (schedule.id, schedule.model_dump_json())
            )
        return schedule

    def update_schedule(self, schedule_id: str, changes: Mapping[str, Any]) -> Schedule | None:
        """Replace some fields (those of `Schedule`); None when there is no such schedule.

        A change of the cadence, or switching it on or off, leaves the next fire to be computed again; slots count
        from then on. PermanentError when a value does not fit.
        """
        with self._writing() as connection:
            row = connection.execute("SELECT * FROM schedules WHERE id = ?", (schedule_id,)).fetchone()
            if row is None:
                return None
            before = _schedule(row)
            after = _changed(before, changes)
            if set(changes) - _PLANNED:
                after = after.model_copy(update={"updated_at": self._now()})
            if any(getattr(before, name) != getattr(after, name) for name in _REPLANNING):
                after = after.model_copy(update={"next_fire_at": None})
            _replace(connection, after)
        return after

    def schedule(self, id_prefix: str) -> Schedule | None:
        """One schedule by id or unique prefix."""
        with self._reading() as connection:
            row = find_one(connection, "schedule", id_prefix)
        return _schedule(row) if row is not None else None

    def schedules(self, *, include_archived: bool = False) -> list[Schedule]:
        """Schedules, newest first."""
        with self._reading() as connection:
            rows = connection.execute("SELECT body FROM schedules ORDER BY number DESC").fetchall()
        found = [_schedule(row) for row in rows]
        return found if include_archived else [each for each in found if not each.archived]

    def fire_schedule(self, schedule_id: str, slot: datetime, window: RunWindow, next_fire_at: datetime) -> Run | None:
        """Queue the run of one slot and advance the schedule in one transaction; None if the slot was taken.

        None as well when the schedule was switched off or replanned meanwhile, which changes nothing, and when it
        still has a run waiting, which passes the slot over.
        """
        with self._writing() as connection:
            row = connection.execute("SELECT * FROM schedules WHERE id = ?", (schedule_id,)).fetchone()
            schedule = _schedule(row) if row is not None else None
            if schedule is None or schedule.archived or not schedule.enabled:
                return None
            if schedule.next_fire_at is None or schedule.next_fire_at > slot:
                return None
            run = self._run_of(schedule, slot, window)
            fired = insert_run(connection, run, f"{schedule.title}, {slot:%Y-%m-%d %H:%M} UTC")
            changes: dict[str, Any] = {"next_fire_at": next_fire_at, **({"last_fired_for": slot} if fired else {})}
            _replace(connection, schedule.model_copy(update=changes))
        return run if fired else None

    def _run_of(self, schedule: Schedule, slot: datetime, window: RunWindow) -> Run:
        return Run(
            id=self._new_id(),
            conversation_id=self._new_id(),
            agent_uuid=schedule.agent_uuid,
            status="queued",
            window=window,
            options=schedule.options,
            origin="scheduled",
            schedule_id=schedule.id,
            scheduled_for=slot,
            created_at=self._now(),
        )


def _schedule(row: sqlite3.Row) -> Schedule:
    return Schedule.model_validate_json(row["body"])


def _changed(schedule: Schedule, changes: Mapping[str, Any]) -> Schedule:
    try:
        return Schedule.model_validate({**dict(schedule), **changes})
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise PermanentError(f"{place}: {problem['msg'][:1].lower()}{problem['msg'][1:]}") from None


def _replace(connection: sqlite3.Connection, schedule: Schedule) -> None:
    connection.execute("UPDATE schedules SET body = ? WHERE id = ?", (schedule.model_dump_json(), schedule.id))
