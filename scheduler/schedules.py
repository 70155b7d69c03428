"""Schedules that are due: each slot becomes one run, also after a crash and after being away.

A schedule remembers its next slot. The run of a slot and the slot after it are written in one transaction, so
a crash leaves either both or neither. Slots that passed while nobody looked are not made up for one by one.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import structlog

from domain.runs import Run, RunWindow, Schedule
from scheduler.cadence import latest_fire, next_fire
from store.base import ControlStore
from telemetry.metrics import FIRED_SLOTS

CatchUp = Literal["latest", "skip"]
PUNCTUAL = timedelta(minutes=1)
"""A slot found due within this time was not missed."""
_LOG = structlog.get_logger()


class Schedules:
    """Fires what is due; synchronous, since every step is a transaction of the control store."""

    def __init__(self, control: ControlStore, *, catch_up: CatchUp, now: Callable[[], datetime]) -> None:
        self._control = control
        self._catch_up = catch_up
        self._now = now
        self._failing: dict[str, str] = {}

    def fire_due(self) -> list[Run]:
        """Queue a run for each schedule whose slot has come; a schedule that cannot be fired holds up no other."""
        fired = []
        for schedule in self._control.schedules():
            if not schedule.enabled:
                continue
            try:
                run = self._fire(schedule)
            except Exception as error:
                if self._failing.get(schedule.id) != str(error):  # asked again several times a second
                    self._failing[schedule.id] = str(error)
                    _LOG.warning("schedule_failed", schedule_id=schedule.id, error=str(error))
                continue
            self._failing.pop(schedule.id, None)
            if run is not None:
                fired.append(run)
        return fired

    def _fire(self, schedule: Schedule) -> Run | None:
        now = self._now()
        planned = schedule.next_fire_at
        if planned is None:
            planned = next_fire(schedule.cadence, schedule.updated_at or schedule.created_at)
            if planned is None:
                return None
            self._control.update_schedule(schedule.id, {"next_fire_at": planned})
        if planned > now:
            return None
        slot = latest_fire(schedule.cadence, planned, now) or planned
        following = next_fire(schedule.cadence, now)
        if following is None:
            return None
        if self._catch_up == "skip" and now - slot > PUNCTUAL:
            self._control.update_schedule(schedule.id, {"next_fire_at": following})
            return self._told(schedule, slot, None, "missed")
        window = RunWindow(start=slot - timedelta(hours=schedule.lookback_hours), end=slot)
        run = self._control.fire_schedule(schedule.id, slot, window, following)
        outcome = "passed_over" if run is None else "late" if now - slot > PUNCTUAL else "fired"
        return self._told(schedule, slot, run, outcome)

    def _told(self, schedule: Schedule, slot: datetime, run: Run | None, outcome: str) -> Run | None:
        FIRED_SLOTS.labels(outcome=outcome).inc()
        _LOG.info(
            "schedule_slot_passed",
            schedule_id=schedule.id,
            slot=slot.isoformat(),
            outcome=outcome,
            run_id=run.id if run else None,
        )
        return run
