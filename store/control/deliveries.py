"""Deliveries: which report is owed to which exporter, and what became of each attempt."""

import sqlite3
from datetime import datetime

from domain.runs import Delivery
from store.control.database import Database, as_text, as_time


class Deliveries(Database):
    """The outbox: at least once, until delivered or dead."""

    def due_deliveries(self, exporter: str, now: datetime, limit: int = 10) -> list[Delivery]:
        """Pending deliveries of an exporter whose time has come, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT * FROM deliveries WHERE status = 'pending' AND exporter = ? AND next_attempt_at <= ? "
                "ORDER BY number LIMIT ?",
                (exporter, as_text(now), limit),
            ).fetchall()
        return [_delivery(row) for row in rows]

    def settle_delivery(self, delivery_id: str, *, error: str | None = None, retry_at: datetime | None = None) -> None:
        """Record an attempt: delivered without error, pending again with `retry_at`, dead with an error alone.

        What has been delivered stays delivered: a late answer to an attempt that was cut off changes nothing.
        """
        now = self._time()
        status = "delivered" if error is None else "pending" if retry_at is not None else "dead"
        with self._writing() as connection:
            connection.execute(
                "UPDATE deliveries SET status = ?, attempts = attempts + 1, last_error = ?, delivered_at = ?, "
                "next_attempt_at = coalesce(?, next_attempt_at) WHERE id = ? AND status != 'delivered'",
                (
                    status,
                    error,
                    now if status == "delivered" else None,
                    as_text(retry_at) if status == "pending" and retry_at is not None else None,
                    delivery_id,
                ),
            )

    def deliveries(self, run_id: str) -> list[Delivery]:
        """All deliveries of a run."""
        with self._reading() as connection:
            rows = connection.execute("SELECT * FROM deliveries WHERE run_id = ? ORDER BY number", (run_id,)).fetchall()
        return [_delivery(row) for row in rows]


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        id=row["id"],
        run_id=row["run_id"],
        report_id=row["report_id"],
        exporter=row["exporter"],
        status=row["status"],
        attempts=row["attempts"],
        next_attempt_at=as_time(row["next_attempt_at"]),
        last_error=row["last_error"],
        created_at=as_time(row["created_at"]),
        delivered_at=as_time(row["delivered_at"]) if row["delivered_at"] else None,
    )
