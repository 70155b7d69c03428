"""What no statement may do: leave the selection, change anything, or take more than it is given.

Whoever writes into spans may write what a model reads, and so have a share in the statements that it makes.
"""

import re
import resource
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.errors import PermanentError
from domain.sql import SqlLimits
from store.base import Selection
from store.window.reader import SqliteReader
from store.window.schema import MAX_INT
from tests.store.window_kit import Clock, keep, open_store, whole_trace

SHORT = SqlLimits(seconds=0.3)
MIB = 2**20


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[SqliteReader]:
    """A reader of a window with traces of two agents."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("mine", spans=300), service="shop")
        await keep(store, *whole_trace("theirs", spans=50), service="mail")
        clock.forward(3_600)
        await store.maintain(force=True)
        yield store.reader()


def mine(reader: SqliteReader) -> Selection:
    """What the run may see."""
    return Selection(0, MAX_INT, (next(agent.uuid for agent in reader.agents() if agent.name == "shop"),))


def refusal(reader: SqliteReader, sql: str) -> str:
    """What is said to a statement that is not answered; the one after it is."""
    selection = mine(reader)
    with pytest.raises(PermanentError) as caught:
        reader.query(sql, selection=selection, limits=SHORT)
    assert reader.query("SELECT count(*) FROM spans", selection=selection).rows == ((300,),)
    return str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO spans (name) VALUES ('x')",
        "UPDATE traces SET agent = 'x'",
        "DELETE FROM spans",
        "DROP VIEW spans",
        "CREATE TABLE t (x)",
        "CREATE TEMP TABLE t (x)",
        "CREATE TEMP TRIGGER t INSTEAD OF INSERT ON spans BEGIN SELECT 1; END",
        "REPLACE INTO traces (agent) VALUES ('x')",
        "WITH x AS (SELECT 1) DELETE FROM spans",
        "ATTACH '/tmp/other.db' AS other",
        "DETACH main",
        "VACUUM INTO '/tmp/copy.db'",
        "PRAGMA query_only = OFF",
        "PRAGMA table_list",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT s",
        "ANALYZE",
        "REINDEX",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT * FROM spans",
        "/* SELECT */ PRAGMA database_list",
        "-- SELECT\nDELETE FROM spans",
        "SELECT 1; DELETE FROM spans",
        "SELECT 1 /* ; */; /* */ PRAGMA query_only = OFF -- x",
        "/* SELECT 1",
        ";",
    ],
)
async def test_only_a_single_select_is_answered(reader: SqliteReader, sql: str) -> None:
    """Nothing is written, attached or configured, whatever stands around it."""
    assert "SELECT" in refusal(reader, sql) or "not authorized" in refusal(reader, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sqlite_temp_schema",
        "SELECT count(*) FROM temp.sqlite_schema",
        "SELECT * FROM main.sqlite_schema",
        "SELECT data FROM blobs",
        "SELECT count(*) FROM blobs",
        "SELECT text FROM strings",
        "SELECT 1 FROM strings",
        "SELECT count(*) FROM (SELECT 1 FROM strings) AS spans",
        "SELECT value FROM meta",
        "SELECT data FROM logs",
        "SELECT uuid FROM agents",
        "SELECT * FROM main.spans",
        "SELECT count(*) FROM main.traces",
        "SELECT count(*) FROM temp.keys",
        "WITH strings AS (SELECT 1) SELECT count(*) FROM strings, main.strings",
        "SELECT count(*) FROM (WITH blobs AS (SELECT 1) SELECT * FROM blobs) b, blobs",
        "SELECT count(*) FROM pragma_table_list",
        "WITH spans AS (SELECT text FROM strings) SELECT * FROM spans",
        "WITH traces AS (SELECT trace_id FROM main.traces) SELECT * FROM traces",
        "SELECT * FROM (SELECT text FROM strings) AS spans",
        "SELECT (SELECT text FROM strings LIMIT 1) FROM spans",
        "SELECT * FROM spans WHERE name IN (SELECT text FROM strings)",
        "SELECT * FROM spans JOIN strings ON 1",
        "SELECT * FROM spans NATURAL JOIN containers",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM pragma_table_info('spans')",
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_stmt",
        "SELECT * FROM json_each('[1]')",
        "SELECT * FROM fts5vocab",
    ],
)
async def test_nothing_but_the_two_views_can_be_read(reader: SqliteReader, sql: str) -> None:
    """Other agents' texts lie in the tables behind the views; a subquery may be called like a view and is none."""
    said = refusal(reader, sql)
    assert any(word in said for word in ("prohibited", "no such table", "only SELECT", "vtable"))


@pytest.mark.parametrize("view", ["traces", "spans"])
async def test_no_condition_leads_to_traces_outside_the_selection(reader: SqliteReader, view: str) -> None:
    """The bound of a selection is in the view, where no OR and no join reaches around it."""
    for condition in ("1 OR 1", "service = 'mail' OR service <> ''", "trace_id NOT IN ('x')"):
        answer = reader.query(f"SELECT DISTINCT service FROM {view} WHERE {condition}", selection=mine(reader))
        assert answer.rows == (("shop",),)


async def test_no_answer_tells_the_names_behind_the_views(reader: SqliteReader) -> None:
    """The guard trusts names that nobody can know, so no complaint may tell them."""
    shown = reader.query("SELECT * FROM spans LIMIT 1", selection=mine(reader))
    complaints = [refusal(reader, f"SELECT {what} FROM strings") for what in ("id", "text", "*", "count(*)")]
    assert "access to strings.id is prohibited" in complaints[0]
    for text in (*complaints, *shown.columns):
        assert not re.search("[0-9a-f]{32}", text)


@pytest.mark.parametrize(
    "call",
    [
        "load_extension('x')",
        "readfile('/etc/passwd')",
        "writefile('/tmp/x', 'y')",
        "edit('x')",
        "zeroblob(1000000000)",
        "randomblob(1000000000)",
        "printf('%.*c', 1000000000, 'x')",
        "format('%1000000000d', 1)",
        "replace('aaaa', 'a', 'b')",
        "fts3_tokenizer('simple')",
        "sqlite_compileoption_get(1)",
        "last_insert_rowid()",
    ],
)
async def test_functions_that_reach_out_or_have_no_bound_are_not_there(reader: SqliteReader, call: str) -> None:
    """A list of what is allowed: what SQLite will have tomorrow is not on it."""
    assert "function" in refusal(reader, f"SELECT {call}")
    assert "function" in refusal(reader, f"SELECT count(*) FROM spans WHERE {call} IS NULL")


RECURSIVE = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
LONG = "WITH RECURSIVE b(x, n) AS (SELECT 'aaaaaaaaaa', 0 UNION ALL SELECT x || x, n + 1 FROM b WHERE n < 15)"


@pytest.mark.parametrize(
    "sql",
    [
        f"{RECURSIVE} SELECT max(x) FROM n",
        f"{RECURSIVE} SELECT x FROM n ORDER BY -x",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT x + 1 FROM n) SELECT count(*) FROM n",
        "SELECT count(*) FROM spans a, spans b, spans c, spans d",
        "SELECT max(a.name) FROM spans a, spans b, spans c GROUP BY a.span_id || b.span_id || c.span_id",
        "SELECT count(DISTINCT a.span_id || b.span_id || c.span_id) FROM spans a, spans b, spans c",
        "SELECT median(a.duration_ms) FROM spans a, spans b, spans c",
        f"SELECT count(*) FROM {', '.join(f'spans s{n}' for n in range(20))}",
    ],
)
async def test_a_statement_that_does_not_end_is_ended_and_leaves_memory_alone(reader: SqliteReader, sql: str) -> None:
    """A sidecar shares its machine; what a sort cannot hold goes to a file that is gone with the statement."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = refusal(reader, sql)
    assert "not done after 0.3 s" in said or "step" in said
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def doubled(levels: int) -> str:
    """Common table expressions that each name the one before twice."""
    steps = "".join(f", c{n} AS (SELECT x.a FROM c{n - 1} x, c{n - 1} y)" for n in range(1, levels + 1))
    return f"WITH c0 AS (SELECT position AS a FROM traces){steps} SELECT count(*) FROM c{levels}"


def nested(levels: int, times: int) -> str:
    """Subqueries that each name the column of the one inside several times."""
    sql = "SELECT position AS a FROM traces"
    for _ in range(levels):
        sql = f"SELECT {'+'.join(['a'] * times)} AS a FROM ({sql})"
    return sql


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (doubled(40), "build on each other"),
        (doubled(40).replace("c0", '"c0"').replace("AS (", "AS NOT MATERIALIZED ("), "build on each other"),
        (nested(5, 60), "build on each other"),
        (nested(16, 1), "parser stack overflow"),
        (nested(2, 120), "too"),
        (f"SELECT {'(' * 200}1{')' * 200}", "parser stack overflow"),
        (f"SELECT {' -' * 300} 1", "parser stack overflow"),
        (f"SELECT {'1 + ' * 300} 1", "Expression tree is too large"),
        (f"SELECT '{'x' * 30_000}'", "too large"),
        (" UNION ".join(["SELECT 1"] * 50), "too many terms"),
        (f"SELECT {', '.join(['1'] * 100)}", "too many columns"),
        (f"{LONG} SELECT group_concat(b.x) FROM b, spans", "too big"),
        (f"SELECT name FROM spans WHERE name LIKE '{'%a' * 200}'", "pattern too complex"),
    ],
)
async def test_a_statement_that_grows_is_refused_before_it_has(reader: SqliteReader, sql: str, said: str) -> None:
    """While SQLite prepares a statement nothing can stop it, so such a statement never gets that far."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert said in refusal(reader, sql)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


async def test_long_texts_are_searched_in_linear_time(reader: SqliteReader) -> None:
    """One step of a statement cannot be interrupted: SQLite's own search would take minutes here."""
    found = reader.query(
        f"{LONG} SELECT instr(x, substr(x, 1, 150000) || 'b') FROM b WHERE n = 15", selection=mine(reader)
    )
    assert found.rows == ((0,),)


async def test_a_query_that_is_large_but_sane_is_answered(reader: SqliteReader) -> None:
    """The estimate of growth must not stand in the way of honest work."""
    sql = """
        WITH calls AS (SELECT trace_id, name, count(*) AS n, sum(status = 'ERROR') AS bad FROM spans GROUP BY 1, 2),
            rates AS (SELECT name, sum(n) AS n, 1.0 * sum(bad) / sum(n) AS rate FROM calls GROUP BY name),
            compared AS (SELECT name, n, rate, (SELECT avg(rate) FROM rates) AS mean FROM rates)
        SELECT name, n, CASE WHEN rate > mean THEN 'above' WHEN rate < mean THEN 'below' ELSE 'same' END AS side
        FROM compared ORDER BY n DESC, name LIMIT 5
    """
    assert len(reader.query(sql, selection=mine(reader)).rows) == 5
    counted = "WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT x + 1 FROM n WHERE x < 9) SELECT count(*) FROM n"
    assert reader.query(counted, selection=mine(reader)).rows == ((9,),)


async def test_the_connection_itself_cannot_write(reader: SqliteReader, tmp_path: Path) -> None:
    """The authorizer is one wall; the file is opened for reading besides."""
    reader.query("SELECT 1", selection=mine(reader))
    idle = reader._sql._idle[0]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        idle._connection.execute(f"DELETE FROM {idle._window}.spans")
