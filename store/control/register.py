"""What the register of findings learns from a report, within the transaction that saves the report.

An entry is one fingerprint of one agent. A report that looks back, whose window ended before the last report's,
and a longer window that only holds old cases of what has been resolved since, tell nothing of today: they can move
an entry's first sight, and nothing else. Everything is bounded: rates a finding, findings an agent, and how long
an entry is kept that no report tells any more. Marked entries outlive that age, or a mute would end by itself.
"""

import sqlite3
from datetime import timedelta
from hashlib import sha256
from typing import Any

import zstandard

from domain.report import Counts, Finding, Report
from store.control.database import as_text

RATES_KEPT = 200
"""Reports whose rate is kept of each finding; older ones go."""
FINDINGS_KEPT = 1_000
"""Entries kept of each agent; those that no report has told for the longest time go first."""
KEPT_UNTOLD = timedelta(days=180)
"""How long an entry without a mark is kept that no report tells any more."""
_LEVEL = 3
_LOOK = "SELECT * FROM findings WHERE agent_uuid = ? AND fingerprint = ?"
_TRIM_RATES = """
DELETE FROM finding_rates WHERE finding = ?1 AND generated_at < (
    SELECT min(generated_at) FROM (
        SELECT generated_at FROM finding_rates WHERE finding = ?1 ORDER BY generated_at DESC LIMIT ?2
    )
)
"""
_TRIM_FINDINGS = """
DELETE FROM findings WHERE agent_uuid = ?1 AND (
    (mark = '' AND told_at < ?2) OR number NOT IN (
        SELECT number FROM findings WHERE agent_uuid = ?1 ORDER BY told_at DESC, number DESC LIMIT ?3
    )
)
"""


def entry_id(agent_uuid: str, fingerprint: str) -> str:
    """The id of an entry: the same on every machine and in every report."""
    return sha256(f"halo:finding:{agent_uuid}/{fingerprint}".encode()).hexdigest()[:16]


def learn(connection: sqlite3.Connection, agent_uuid: str, report: Report) -> None:
    """Take what a report says of its findings into the register of its agent."""
    for place, finding in enumerate(report.findings):
        _learn(connection, agent_uuid, report, place, finding)
    oldest = as_text(report.generated_at - KEPT_UNTOLD)
    connection.execute(_TRIM_FINDINGS, (agent_uuid, oldest, FINDINGS_KEPT))
    connection.execute("DELETE FROM finding_rates WHERE finding NOT IN (SELECT number FROM findings)")


def _learn(connection: sqlite3.Connection, agent_uuid: str, report: Report, place: int, finding: Finding) -> None:
    row = connection.execute(_LOOK, (agent_uuid, finding.fingerprint)).fetchone()
    first_seen = as_text(finding.first_seen)
    if row is not None and _tells_nothing_new(row, report, finding):
        connection.execute(
            "UPDATE findings SET first_seen = min(first_seen, ?) WHERE number = ?", (first_seen, row["number"])
        )
        return
    if row is None:
        entry = _first(agent_uuid, report, place, finding)
        marks = ", ".join("?" * len(entry))
        number = connection.execute(
            f"INSERT INTO findings ({', '.join(entry)}) VALUES ({marks})", tuple(entry.values())
        ).lastrowid
    else:
        entry, number = _next(row, report, place, finding), row["number"]
        changes = ", ".join(f"{name} = ?" for name in entry)
        connection.execute(f"UPDATE findings SET {changes} WHERE number = ?", (*entry.values(), number))
    counts = finding.counts
    rate = (finding.status, counts.affected_spans, counts.opportunities, counts.ci_low, counts.ci_high)
    connection.execute(
        "INSERT OR REPLACE INTO finding_rates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, as_text(report.generated_at), report.report_id, finding.id, *rate),
    )
    connection.execute(_TRIM_RATES, (number, RATES_KEPT))


def _tells_nothing_new(row: sqlite3.Row, report: Report, finding: Finding) -> bool:
    if as_text(report.window.end) < row["window_end"]:
        return True
    seen = finding.counts.affected_spans > 0
    return row["status"] == "resolved" and seen and as_text(finding.last_seen) <= row["last_seen"]


def _first(agent_uuid: str, report: Report, place: int, finding: Finding) -> dict[str, Any]:
    """The columns of a new entry."""
    resolved = finding.status == "resolved"
    return {
        "id": entry_id(agent_uuid, finding.fingerprint),
        "agent_uuid": agent_uuid,
        "fingerprint": finding.fingerprint,
        "first_seen": as_text(finding.first_seen),
        "last_seen": as_text(finding.last_seen),
        "first_report_id": report.report_id,
        "reports": finding.reports,
        "reopened": int(finding.status == "reopened"),
        "resolved_at": as_text(report.generated_at) if resolved else None,
        "mark": finding.mark,
        "mark_reason": finding.mark_reason,
        "exemplar_report_id": "",
        "seen": _when_seen(finding).model_dump_json(),
        **_told(report, place, finding),
    }


def _when_seen(finding: Finding) -> Counts:
    """The counts to compare with later, also of a finding that is not seen any more when it is first learnt of."""
    if finding.counts.affected_spans:
        return finding.counts
    return finding.counts.model_copy(update={"ci_low": finding.baseline or 0.0, "ci_high": 1.0})


def _next(row: sqlite3.Row, report: Report, place: int, finding: Finding) -> dict[str, Any]:
    """The columns of a known entry that a report changes."""
    seen, made = finding.counts.affected_spans > 0, as_text(report.generated_at)
    resolved_at = None
    if finding.status == "resolved":
        resolved_at = row["resolved_at"] if row["status"] == "resolved" else made
    lapsed = row["mark"] == "acknowledged" and not finding.mark and (row["marked_at"] or "") <= made
    return {
        "first_seen": min(row["first_seen"], as_text(finding.first_seen)),
        "last_seen": max(row["last_seen"], as_text(finding.last_seen)),
        "reports": row["reports"] + seen,
        "reopened": row["reopened"] + (finding.status == "reopened"),
        "resolved_at": resolved_at,
        **({"mark": "", "mark_reason": "", "marked_at": None} if lapsed else {}),
        **({"seen": finding.counts.model_dump_json()} if seen else {}),
        **_told(report, place, finding),
    }


def _told(report: Report, place: int, finding: Finding) -> dict[str, Any]:
    """The columns that every report that counts sets, quotes only where there are some."""
    quoted = {}
    if finding.evidence:
        quoted = {"exemplar": finding.evidence[0].model_dump_json(), "exemplar_report_id": report.report_id}
    return {
        "detector": finding.detector,
        "title": finding.title,
        "severity": finding.severity,
        "status": finding.status,
        "place": place,
        "last_report_id": report.report_id,
        "told_at": as_text(report.generated_at),
        "window_end": as_text(report.window.end),
        "agent": report.agent.model_dump_json(),
        "body": zstandard.compress(finding.model_dump_json().encode(), _LEVEL),
        **quoted,
    }
