"""Results: a run's report, evidence, message and owed deliveries, written together, and read back.

A report is saved in one transaction by the attempt that is current, so it is there once, whole, or not at all.
"""

import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import structlog
import zstandard

from domain.errors import PermanentError
from domain.report import Report
from domain.runs import TERMINAL_STATUSES, RunStatus
from store.base import EvidenceBundle
from store.control.database import LEAST_PREFIX, Database, add_event, as_text
from store.control.queue import CURRENT, add_message
from store.control.register import learn
from store.evidence import frozen_evidence

_LOG = structlog.get_logger()
_LEVEL = 3
_FORGOTTEN_AT_ONCE = 100
_PIECE_BYTES = 1 << 20
_FORGETTABLE = """
SELECT id, conversation_id FROM (
    SELECT id, conversation_id, finished_at, row_number() OVER (PARTITION BY agent_uuid ORDER BY number DESC) AS age
    FROM runs WHERE finished_at IS NOT NULL
) AS ended
WHERE (age > ? OR finished_at < ?)
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE run_id = ended.id AND status = 'pending')
    AND id NOT IN (SELECT run_id FROM reports WHERE number IN (SELECT max(number) FROM reports GROUP BY agent_uuid))
LIMIT ?
"""


class Results(Database):
    """Reports and what hangs on them."""

    def save_report(
        self,
        run_id: str,
        attempt: int,
        report: Report,
        markdown: str,
        evidence: EvidenceBundle,
        exporters: Sequence[str],
        status: RunStatus = "completed",
    ) -> bool:
        """Run + report + message + evidence + register + owed deliveries in one transaction; False as for `end_run`.

        The log says when it begins (freezing the evidence included) and when it is on disk.
        """
        if status not in TERMINAL_STATUSES:
            raise ValueError(f"{status!r} does not end a run")
        log = _LOG.bind(run_id=run_id, attempt=attempt, report_id=report.report_id)
        log.debug("report_commit_started")
        body = zstandard.compress(report.model_dump_json().encode(), _LEVEL)
        with frozen_evidence(evidence, _LEVEL) as frozen, self._writing() as connection:
            now = self._time()
            ended = _end_with_report(connection, run_id, attempt, report, status, now)
            if ended is not None:
                number = connection.execute(
                    "INSERT INTO reports (id, run_id, agent_uuid, body, evidence) VALUES (?, ?, ?, ?, zeroblob(?))",
                    (report.report_id, run_id, ended["agent_uuid"], body, frozen.stat().st_size),
                ).lastrowid
                _fill(connection, number, frozen)
                add_message(connection, ended["conversation_id"], "assistant", markdown, run_id, now)
                learn(connection, ended["agent_uuid"], report)
                _owe(connection, run_id, report.report_id, exporters, now)
        log.debug("report_committed" if ended is not None else "report_commit_refused")
        return ended is not None

    def report(self, id_prefix: str) -> Report | None:
        """A report by report id or run id, or a unique prefix of either."""
        prefix = id_prefix.strip().lower()
        if len(prefix) < LEAST_PREFIX:
            raise PermanentError(f"report id {id_prefix!r} is too short; give at least {LEAST_PREFIX} characters")
        with self._reading() as connection:
            found = connection.execute(
                "SELECT id, run_id, body FROM reports WHERE id BETWEEN ?1 AND ?2 OR run_id BETWEEN ?1 AND ?2 LIMIT 3",
                (prefix, prefix + "\U0010ffff"),
            ).fetchall()
        exact = [row for row in found if prefix in (row["id"], row["run_id"])]
        if len(found) > 1 and not exact:
            raise PermanentError(f"several reports have an id that starts with {id_prefix!r}; give more characters")
        return next((as_report(row["body"]) for row in exact or found), None)

    def reports(self, *, agent_uuid: str | None = None, limit: int = 50, offset: int = 0) -> list[Report]:
        """Reports, newest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT body FROM reports WHERE ?1 IS NULL OR agent_uuid = ?1 ORDER BY number DESC LIMIT ? OFFSET ?",
                (agent_uuid, limit, offset),
            ).fetchall()
        return [as_report(row["body"]) for row in rows]

    def evidence(self, run_id: str) -> bytes | None:
        """The evidence database of a run as a SQLite file's bytes."""
        with self._reading() as connection:
            row = connection.execute("SELECT evidence FROM reports WHERE run_id = ?", (run_id,)).fetchone()
        return zstandard.decompress(row["evidence"]) if row is not None else None

    def forget_runs(self, *, keep: int, before: datetime) -> int:
        """Take ended runs with all that hangs on them: those that ended before a time, and all but `keep` an agent.

        Never an agent's last report, nor what is still to be delivered. Returns how many, at most 100 at once.
        """
        with self._writing() as connection:
            rows = connection.execute(_FORGETTABLE, (max(keep, 1), as_text(before), _FORGOTTEN_AT_ONCE)).fetchall()
            _forget(connection, rows)
        if rows:
            with self._lock:
                self._connection.execute("PRAGMA incremental_vacuum").fetchall()
        return len(rows)


def _fill(connection: sqlite3.Connection, number: int | None, frozen: Path) -> None:
    """Write a report's evidence piece by piece."""
    assert number is not None
    with connection.blobopen("reports", "evidence", number) as blob, frozen.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            blob.write(piece)


def as_report(body: bytes) -> Report:
    """A report as it is kept."""
    return Report.model_validate_json(zstandard.decompress(body))


def _end_with_report(
    connection: sqlite3.Connection, run_id: str, attempt: int, report: Report, status: RunStatus, now: str
) -> sqlite3.Row | None:
    coverage = report.coverage
    reason = report.inquiry.incomplete or None if report.inquiry is not None else None
    row: sqlite3.Row | None = connection.execute(
        "UPDATE runs SET status = ?, finished_at = ?, report_id = ?, traces = ?, spans = ?, error = ? "
        f"WHERE {CURRENT} RETURNING *",
        (status, now, report.report_id, coverage.traces, coverage.spans, reason, run_id, attempt),
    ).fetchone()
    if row is not None:
        add_event(connection, run_id, "report_saved", {"report_id": report.report_id}, now)
        told = {"findings": len(report.findings), **({"reason": reason} if reason else {})}
        add_event(connection, run_id, status, told, now)
    return row


def _owe(connection: sqlite3.Connection, run_id: str, report_id: str, exporters: Sequence[str], now: str) -> None:
    connection.executemany(
        "INSERT INTO deliveries (id, run_id, report_id, exporter, status, attempts, next_attempt_at, created_at) "
        "VALUES (?, ?, ?, ?, 'pending', 0, ?, ?)",
        [
            (delivery_id(run_id, exporter), run_id, report_id, exporter, now, now)
            for exporter in dict.fromkeys(exporters)
        ],
    )


def delivery_id(run_id: str, exporter: str) -> str:
    """The id under which a run's report is owed to an exporter, the same whoever computes it and however often."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"halo:{run_id}:{exporter}"))


def _forget(connection: sqlite3.Connection, runs: Iterable[sqlite3.Row]) -> None:
    for run_id, conversation_id in runs:
        for table in ("events", "deliveries", "reports"):
            connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
        connection.execute("DELETE FROM messages WHERE conversation_id = ? AND run_id = ?", (conversation_id, run_id))
        connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))
        connection.execute(
            "DELETE FROM conversations WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE conversation_id = ?1)",
            (conversation_id,),
        )
