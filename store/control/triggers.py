"""Runs that an alarm asked for: one waiting for each agent, and a pause for each kind of alarm.

Both rules are judged where the run is written, from the runs themselves, so they hold over restarts and between
processes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.runs import Run, RunOptions, RunWindow, Trigger
from store.control.database import Database, add_event, as_text
from store.control.queue import insert_run

_HELD_BACK = """
SELECT 1 FROM runs WHERE origin = 'triggered' AND agent_uuid = :agent AND (
    status = 'queued' AND finished_at IS NULL
    OR created_at > :since AND (json_extract(trigger, '$.kind') = :kind
        OR :kind IN (SELECT value FROM json_each(trigger, '$.also')))
) LIMIT 1
"""


class Triggers(Database):
    """The way an alarm gets into the run queue."""

    def trigger_run(
        self,
        agent_uuid: str,
        window: RunWindow,
        trigger: Trigger,
        figures: Mapping[str, Any],
        *,
        title: str,
        cooled_since: datetime,
    ) -> Run | None:
        """As `store.base.ControlStore.trigger_run`."""
        run = Run(
            id=self._new_id(),
            conversation_id=self._new_id(),
            agent_uuid=agent_uuid,
            status="queued",
            window=window,
            options=RunOptions(),
            origin="triggered",
            trigger=trigger,
            created_at=self._now(),
        )
        condition = {"agent": agent_uuid, "since": as_text(cooled_since), "kind": trigger.kind}
        with self._reading() as connection:
            if connection.execute(_HELD_BACK, condition).fetchone():
                return None  # an alarm lasts, and asks again every few seconds: most answers take no lock
        with self._writing() as connection:
            if connection.execute(_HELD_BACK, condition).fetchone() or not insert_run(connection, run, title):
                return None
            told = {**trigger.model_dump(mode="json"), "figures": dict(figures)}
            add_event(connection, run.id, "triggered", told, as_text(run.created_at))
        return run
