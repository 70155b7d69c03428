"""The tables of control.db, and the migrations that make them.

`user_version` is the number of migrations applied. Migrations are plain functions named `m001_…`: sqlite-utils,
whose `Migrations` do the same, imports numpy wherever that is installed, and the serving process opens this
file. Small on purpose: a page is 1 KiB, so that the empty file weighs little beside a small window. Times are
text in UTC with microseconds, so that they sort as they follow each other.
"""

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x48414C43

_M001 = """
CREATE TABLE conversations (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    agent_uuid TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE messages (
    conversation_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    run_id TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (conversation_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL,
    agent_uuid TEXT NOT NULL,
    status TEXT NOT NULL,
    window_start TEXT NOT NULL,
    window_end TEXT NOT NULL,
    options TEXT NOT NULL,
    origin TEXT NOT NULL,
    schedule_id TEXT,
    scheduled_for TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,              -- null exactly as long as the status is not terminal
    cancel_reason TEXT,
    error TEXT,
    report_id TEXT,
    traces INTEGER,
    spans INTEGER
) STRICT;
CREATE UNIQUE INDEX runs_slot ON runs (schedule_id, scheduled_for) WHERE schedule_id IS NOT NULL;
CREATE UNIQUE INDEX runs_busy ON runs (agent_uuid) WHERE status IN ('starting', 'running');
CREATE INDEX runs_open ON runs (status) WHERE finished_at IS NULL;
CREATE INDEX runs_conversation ON runs (conversation_id);

CREATE TABLE events (
    run_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    type TEXT NOT NULL,
    created_at TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE reports (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL UNIQUE,
    agent_uuid TEXT NOT NULL,
    body BLOB NOT NULL,            -- the report's JSON, zstd
    evidence BLOB NOT NULL         -- a SQLite file, zstd; last, so that reading a report does not touch it
) STRICT;

CREATE TABLE schedules (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;

CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    report_id TEXT NOT NULL,
    exporter TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TEXT NOT NULL,
    last_error TEXT,
    created_at TEXT NOT NULL,
    delivered_at TEXT
) STRICT;
CREATE INDEX deliveries_run ON deliveries (run_id);
CREATE INDEX deliveries_due ON deliveries (exporter, next_attempt_at) WHERE status = 'pending';
"""

_M002 = """
ALTER TABLE runs ADD COLUMN trigger TEXT;
CREATE INDEX runs_triggered ON runs (agent_uuid, created_at) WHERE origin = 'triggered';
"""

_M003 = """
CREATE TABLE findings (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    agent_uuid TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    detector TEXT NOT NULL,
    title TEXT NOT NULL,
    severity TEXT NOT NULL,
    status TEXT NOT NULL,
    place INTEGER NOT NULL,        -- in the last report
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    first_report_id TEXT NOT NULL,
    last_report_id TEXT NOT NULL,
    told_at TEXT NOT NULL,         -- when the last report was made
    window_end TEXT NOT NULL,      -- the last report's
    reports INTEGER NOT NULL,
    reopened INTEGER NOT NULL,
    resolved_at TEXT,
    mark TEXT NOT NULL,
    mark_reason TEXT NOT NULL,
    marked_at TEXT,
    exemplar TEXT,                 -- the last quote, JSON
    exemplar_report_id TEXT NOT NULL,
    agent TEXT NOT NULL,           -- JSON
    seen TEXT NOT NULL,            -- the counts of the last report that saw it, JSON
    body BLOB NOT NULL,            -- the finding as the last report told it, JSON, zstd
    UNIQUE (agent_uuid, fingerprint)
) STRICT;

CREATE TABLE finding_rates (
    finding INTEGER NOT NULL,      -- findings.number
    generated_at TEXT NOT NULL,
    report_id TEXT NOT NULL,
    told_id TEXT NOT NULL,         -- the finding's id in that report
    status TEXT NOT NULL,
    affected INTEGER NOT NULL,
    opportunities INTEGER NOT NULL,
    ci_low REAL NOT NULL,
    ci_high REAL NOT NULL,
    PRIMARY KEY (finding, generated_at, report_id)
) STRICT, WITHOUT ROWID;
"""


def m001_everything(connection: sqlite3.Connection) -> None:
    """Conversations, runs, events, reports, schedules, deliveries."""
    _execute_all(connection, _M001)


def m002_triggers(connection: sqlite3.Connection) -> None:
    """The alarm that asked for a run, as JSON."""
    _execute_all(connection, _M002)


def m003_findings(connection: sqlite3.Connection) -> None:
    """The register of findings, and the rate of each in every report; filled by the reports that follow."""
    _execute_all(connection, _M003)


def _execute_all(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        connection.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (m001_everything, m002_triggers, m003_findings)
VERSION = len(MIGRATIONS)
