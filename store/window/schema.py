"""The tables of window.db, and the migrations that make them.

`user_version` is the number of migrations applied. Narrow on purpose: every repeated text is a number of
`strings`, a span's row is keyed by its trace's number, and its bytes lie elsewhere: at (container, ordinal),
the position among the spans of a hot batch or frame. A container's bytes have a table of their own, because
SQLite rewrites a row with all its overflow pages whenever one of its columns changes. Rows of `logs` are only
added and deleted; most traces have none.
"""

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x48414C4F
MAX_INT = 2**63 - 1  # the greatest integer of SQLite
NOBODY = 0  # the agents row that owns traces without an agent: HALO's own, and those beyond the limit

_V1 = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

CREATE TABLE strings (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE agents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    service TEXT NOT NULL,
    last_ns INTEGER NOT NULL DEFAULT 0,
    traces INTEGER NOT NULL DEFAULT 0,
    spans INTEGER NOT NULL DEFAULT 0,
    error_spans INTEGER NOT NULL DEFAULT 0,
    leaf_errors INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    nested_traces INTEGER NOT NULL DEFAULT 0,
    nested_spans INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO agents (id, uuid, name, service) VALUES ({NOBODY}, '', '', '');

CREATE TABLE traces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id BLOB NOT NULL UNIQUE,
    revision INTEGER NOT NULL,     -- grows with every change that arrival makes
    dirty INTEGER NOT NULL,        -- the sums below are older than the spans
    hot INTEGER NOT NULL,          -- some spans are not yet in a frame of the trace's agent
    rooted INTEGER NOT NULL,       -- a span without a parent has ended
    spans INTEGER NOT NULL,
    bytes INTEGER NOT NULL,        -- of the spans as they arrived
    first_ns INTEGER NOT NULL,     -- arrival
    last_ns INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    session TEXT,
    source_id TEXT,
    agent INTEGER,                 -- null until the first roll-up
    nested TEXT,                   -- JSON list of the other agents in it
    rolled_spans INTEGER NOT NULL DEFAULT 0,
    root_name INTEGER,
    service INTEGER,
    status INTEGER NOT NULL DEFAULT 0,
    has_root INTEGER NOT NULL DEFAULT 0,
    llm_spans INTEGER NOT NULL DEFAULT 0,
    tool_spans INTEGER NOT NULL DEFAULT 0,
    error_spans INTEGER NOT NULL DEFAULT 0,
    leaf_errors INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX traces_dirty ON traces (last_ns) WHERE dirty;
CREATE INDEX traces_hot ON traces (last_ns) WHERE hot;
CREATE INDEX traces_source ON traces (source_id) WHERE source_id IS NOT NULL;

CREATE TABLE trace_agents (
    agent INTEGER NOT NULL, trace INTEGER NOT NULL, PRIMARY KEY (agent, trace)
) STRICT, WITHOUT ROWID;

CREATE TABLE spans (
    trace INTEGER NOT NULL,
    span_id INTEGER NOT NULL,      -- the eight bytes as a big-endian signed integer
    parent_id INTEGER,
    container INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    arrived_ms INTEGER NOT NULL,   -- after the trace's first_ns
    service INTEGER NOT NULL,
    name INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    status INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    duration_ns INTEGER,           -- null when the span has not ended
    size_bytes INTEGER NOT NULL,
    provider INTEGER,
    model INTEGER,
    tool INTEGER,
    error INTEGER,
    agent_id INTEGER,
    agent_name INTEGER,
    input_tokens INTEGER,
    output_tokens INTEGER,
    PRIMARY KEY (trace, span_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE containers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent INTEGER,                 -- the owner of a frame; null for a hot batch
    spans INTEGER NOT NULL,
    live INTEGER NOT NULL,         -- spans whose location is here
    raw_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    oldest_ns INTEGER NOT NULL,    -- the earliest last arrival among its traces
    traces TEXT NOT NULL           -- JSON list of trace numbers
) STRICT;
CREATE INDEX containers_agent ON containers (agent);
CREATE TABLE blobs (container INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;

CREATE TABLE dropped (
    agent INTEGER NOT NULL, slot INTEGER NOT NULL, spans INTEGER NOT NULL, PRIMARY KEY (agent, slot)
) STRICT, WITHOUT ROWID;
"""

_V2 = """
CREATE TABLE logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id BLOB NOT NULL,
    folded INTEGER NOT NULL,       -- compressed for good, together with others of its trace
    records INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,      -- arrival
    keys BLOB NOT NULL,            -- a record's span id and a hash of its bytes, 16 bytes each, in order
    data BLOB NOT NULL             -- compressed LogsData
) STRICT;
CREATE INDEX logs_trace ON logs (trace_id, records);
CREATE INDEX logs_hot ON logs (last_ns, trace_id) WHERE NOT folded;
ALTER TABLE traces ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX traces_logs ON traces (agent, log_bytes) WHERE log_bytes > 0;
"""

_V3 = """
CREATE TABLE live_buckets (
    id INTEGER PRIMARY KEY,
    start_ns INTEGER NOT NULL,
    agent_uuid TEXT NOT NULL,
    body BLOB NOT NULL,            -- in the follower's own encoding
    UNIQUE (start_ns, agent_uuid)
) STRICT;
"""


def _execute_all(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _m001_tables(connection: sqlite3.Connection) -> None:
    _execute_all(connection, _V1)


def _m002_logs(connection: sqlite3.Connection) -> None:
    """Log records by the trace they name, which may come later than they, or never."""
    _execute_all(connection, _V2)


def _m003_live_buckets(connection: sqlite3.Connection) -> None:
    """What the follower of the live traffic counted, by agent and stretch of time."""
    _execute_all(connection, _V3)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_m001_tables, _m002_logs, _m003_live_buckets)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a new or older file to `VERSION` in one transaction."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for migration in MIGRATIONS[found:]:
            migration(connection)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")
