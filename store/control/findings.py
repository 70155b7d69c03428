"""The register of findings as it is read and marked; what fills it is in `register`."""

import json
import sqlite3
from typing import Any

import zstandard

from domain.errors import PermanentError
from domain.findings import HISTORY_TOLD, FindingFilter, KnownFinding
from domain.report import SEVERITIES, AgentRef, Counts, Evidence, Finding, FindingMark, PastRate
from store.control.database import LEAST_PREFIX, Database, as_time
from store.control.register import RATES_KEPT

_BEYOND_ANY_ID = "\U0010ffff"
_RANKS = " ".join(f"WHEN '{severity}' THEN {rank}" for rank, severity in enumerate(SEVERITIES))
_ORDER = f"mark = 'muted', status = 'resolved', CASE severity {_RANKS} ELSE 9 END, agent_uuid, place, number"
_BY_PREFIX = """
SELECT * FROM findings WHERE id BETWEEN ?1 AND ?2 OR fingerprint BETWEEN ?1 AND ?2
    OR number IN (SELECT finding FROM finding_rates WHERE told_id BETWEEN ?1 AND ?2)
LIMIT 3
"""
_RATES = "SELECT * FROM finding_rates WHERE finding = ? ORDER BY generated_at DESC, report_id DESC LIMIT ?"


class Findings(Database):
    """What is known of each agent's findings over all its reports."""

    def findings(self, wanted: FindingFilter) -> list[KnownFinding]:
        """Entries without history: by severity, resolved ones after the others, muted ones last."""
        asked = {
            "agent_uuid = ?": wanted.agent_uuid,
            "status = ?": wanted.status,
            "severity = ?": wanted.severity,
            "mark = ?": wanted.mark,
        }
        given = {condition: value for condition, value in asked.items() if value is not None}
        where = " AND ".join(["1", *given, *(["status != 'resolved' AND mark != 'muted'"] if wanted.only_open else [])])
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT * FROM findings WHERE {where} ORDER BY {_ORDER} LIMIT ? OFFSET ?",
                (*given.values(), wanted.limit, wanted.offset),
            ).fetchall()
        return [_entry(row) for row in rows]

    def finding(self, id_prefix: str) -> KnownFinding | None:
        """One entry with its whole history, by unique prefix of its id, its fingerprint or its id in a report."""
        prefix = id_prefix.strip().lower()
        if len(prefix) < LEAST_PREFIX:
            raise PermanentError(f"finding id {id_prefix!r} is too short; give at least {LEAST_PREFIX} characters")
        with self._reading() as connection:
            found = connection.execute(_BY_PREFIX, (prefix, prefix + _BEYOND_ANY_ID)).fetchall()
            exact = [row for row in found if row["id"] == prefix]
            if len(found) > 1 and not exact:
                raise PermanentError(
                    f"several findings have an id or a fingerprint that starts with {id_prefix!r}; "
                    "give the id that `halo finding ls` shows"
                )
            row = next(iter(exact or found), None)
            return _entry(row, _history(connection, row["number"], RATES_KEPT)) if row is not None else None

    def known_findings(self, agent_uuid: str) -> list[KnownFinding]:
        """All entries of an agent, each with as much of its history as a report tells."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT * FROM findings WHERE agent_uuid = ? ORDER BY {_ORDER}", (agent_uuid,)
            ).fetchall()
            return [_entry(row, _history(connection, row["number"], HISTORY_TOLD)) for row in rows]

    def mark_finding(self, finding_id: str, mark: FindingMark, reason: str) -> KnownFinding | None:
        """Mute or acknowledge a finding, or take that back with an empty mark; None when there is no such entry."""
        now = self._time()
        with self._writing() as connection:
            row = connection.execute(
                "UPDATE findings SET mark = ?, mark_reason = ?, marked_at = ? WHERE id = ? RETURNING *",
                (mark, reason if mark else "", now if mark else None, finding_id),
            ).fetchone()
            return _entry(row, _history(connection, row["number"], RATES_KEPT)) if row is not None else None


def _history(connection: sqlite3.Connection, number: int, limit: int) -> tuple[PastRate, ...]:
    rows = connection.execute(_RATES, (number, limit)).fetchall()
    same = ("report_id", "status", "affected", "opportunities", "ci_low", "ci_high")
    return tuple(
        PastRate(generated_at=as_time(row["generated_at"]), **{name: row[name] for name in same})
        for row in reversed(rows)
    )


def _entry(row: sqlite3.Row, history: tuple[PastRate, ...] = ()) -> KnownFinding:
    same = (
        "id",
        "status",
        "first_report_id",
        "last_report_id",
        "reports",
        "reopened",
        "mark",
        "mark_reason",
        "exemplar_report_id",
    )
    moments = ("first_seen", "last_seen", "told_at", "window_end", "resolved_at", "marked_at")
    values: dict[str, Any] = {name: as_time(row[name]) if row[name] else None for name in moments}
    return KnownFinding(
        agent=AgentRef.model_validate_json(row["agent"]),
        finding=Finding.model_validate_json(zstandard.decompress(row["body"])),
        seen=Counts.model_validate_json(row["seen"]),
        exemplar=Evidence.model_validate(json.loads(row["exemplar"])) if row["exemplar"] else None,
        history=history,
        **values,
        **{name: row[name] for name in same},
    )
