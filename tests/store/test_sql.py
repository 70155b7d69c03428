"""SQL over a selection: what the two views say, and how an answer that is not whole is marked."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from domain.errors import PermanentError, RetryableError
from domain.otlp import KeyValue, any_value
from domain.spans import SOURCE_TRACE_ID, SpanKind, SpanStatus
from domain.sql import SqlLimits
from store.backends.sqlite import SqliteStore
from store.base import Selection
from store.window.schema import MAX_INT
from store.window.sql_answering import answered
from store.window.sql_functions import MOST_VALUES, Median
from tests.store.window_kit import (
    EVERYTHING,
    SECOND_NS,
    START_NS,
    Clock,
    keep,
    make_span,
    open_store,
    span_id,
    trace_id,
    whole_trace,
)

LATER_S = 3_600


async def fill(store: SqliteStore, clock: Clock) -> None:
    """Two traces of `shop` and one of `mail`, complete and rolled up."""
    llm = {"kind": SpanKind.LLM, "llm__model_name": "gpt-x", "llm__token_count__prompt": 70}
    tool = {"kind": SpanKind.TOOL, "tool__name": "search", "status": SpanStatus.ERROR, "message": "timeout after 31 s"}
    await keep(
        store,
        make_span("a", "root", end_s=9, session__id="s-1"),
        make_span("a", "call", "root", start_s=1, **llm),
        make_span("a", "look", "root", start_s=2, end_s=5, **tool),
        service="shop",
    )
    await keep(store, make_span("b", "root", start_s=20), service="shop")
    await keep(store, *whole_trace("c"), service="mail")
    clock.forward(LATER_S)
    await store.maintain(force=True)


async def test_the_views_say_of_traces_and_spans_what_every_other_reading_says(tmp_path: Path) -> None:
    """A model that counts with SQL and one that looks at a trace must see the same window."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await fill(store, clock)
        reader = store.reader()
        traces = reader.query("SELECT * FROM traces ORDER BY position", selection=EVERYTHING)
        first = dict(zip(traces.columns, traces.rows[0], strict=True))
        assert first | {"bytes": 0} == {
            "trace_id": trace_id("a").hex(),
            "source_id": trace_id("a").hex(),
            "agent": "shop",
            "service": "shop",
            "root_name": "root",
            "session": "s-1",
            "status": "UNSET",
            "start_ns": START_NS,
            "end_ns": START_NS + 9 * SECOND_NS,
            "duration_ms": 9_000.0,
            "spans": 3,
            "llm_spans": 1,
            "tool_spans": 1,
            "error_spans": 1,
            "leaf_errors": 1,
            "input_tokens": 70,
            "output_tokens": 0,
            "bytes": 0,
            "position": 1,
        }
        assert first["bytes"] > 0
        assert [row[2] for row in traces.rows] == ["shop", "shop", "mail"]
        look = reader.query("SELECT * FROM spans WHERE tool = 'search'", selection=EVERYTHING)
        span = dict(zip(look.columns, look.rows[0], strict=True))
        assert (span["trace_id"], span["span_id"]) == (trace_id("a").hex(), span_id("a/look").hex())
        assert (span["parent_id"], span["kind"], span["status"]) == (span_id("a/root").hex(), "TOOL", "ERROR")
        assert (span["duration_ms"], span["end_ns"]) == (3_000.0, START_NS + 5 * SECOND_NS)
        assert "timeout" in span["error"] and "31" not in span["error"]
        roots = reader.query("SELECT count(*) FROM spans WHERE parent_id = ''", selection=EVERYTHING)
        assert roots.rows == ((3,),)


async def test_a_statement_takes_named_arguments_and_knows_percentiles(tmp_path: Path) -> None:
    """Values from spans are bound, never pasted; SQLite of this age has no percentile of its own."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await fill(store, clock)
        query = "SELECT median(duration_ms), percentile(duration_ms, 100), median(tool IS NULL AND NULL) FROM spans"
        given = {"trace": trace_id("a").hex()}
        answer = store.reader().query(f"{query} WHERE trace_id = :trace", given, selection=EVERYTHING)
        assert answer.rows == ((3_000.0, 9_000.0, 0.0),)
        found = store.reader().query("SELECT instr('needle', 'dl'), instr(NULL, 'x')", selection=EVERYTHING)
        assert found.rows == ((4, None),)


def test_an_aggregate_refuses_to_hold_more_than_its_bound() -> None:
    """A median holds its values; without an end a join of spans with spans would fill memory."""
    median = Median()
    median._sorted = [0.0] * MOST_VALUES
    with pytest.raises(ValueError, match="too many"):
        for value in range(100_000):
            median.step(float(value))


@pytest.mark.parametrize("rolled_up", [False, True])
async def test_only_traces_of_the_selection_are_there_whether_rolled_up_or_not(tmp_path: Path, rolled_up: bool) -> None:
    """A run for one agent must not read another's traces, nor count what its report does not."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await keep(store, *whole_trace("mine", spans=4), service="shop")
        await keep(store, *whole_trace("theirs", spans=7), service="mail")
        clock.forward(LATER_S)
        await keep(store, *whole_trace("unfinished"), service="shop")
        if rolled_up:
            await store.maintain(force=True)
        shop = next(agent.uuid for agent in store.reader().agents() if agent.name == "shop")
        mine = Selection(0, MAX_INT, (shop,))
        query = "SELECT agent, root_name, spans, trace_id = source_id FROM traces"
        assert store.reader().query(query, selection=mine).rows == (("shop", "root", 4, 1),)
        assert store.reader().query("SELECT count(*) FROM spans", selection=mine).rows == ((4,),)
        nothing = Selection(0, START_NS, (shop,))
        assert store.reader().query("SELECT count(*) FROM spans", selection=nothing).rows == ((0,),)


async def test_a_trace_is_there_as_soon_as_it_is_complete_and_with_what_came_since(tmp_path: Path) -> None:
    """What was prepared for the last statement must not outlive a change of the window, nor the passing of time."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:

        def count() -> int:
            answer = store.reader().query(
                "SELECT count(*), (SELECT count(*) FROM spans) FROM traces", selection=EVERYTHING
            )
            return (*answer.rows[0],)

        await keep(store, *whole_trace("one", spans=2))
        assert count() == (0, 0)
        clock.forward(60)
        assert count() == (1, 2)
        await keep(store, *whole_trace("two", spans=3))
        clock.forward(60)
        assert count() == (2, 5)


async def test_a_trace_keeps_the_name_its_file_gave_it(tmp_path: Path) -> None:
    """People look for the ids that their own files have."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        span = make_span("a", "root")
        span.attributes.append(KeyValue(key=SOURCE_TRACE_ID, value=any_value("order-17")))
        await keep(store, span)
        clock.forward(LATER_S)
        assert store.reader().query("SELECT source_id FROM traces", selection=EVERYTHING).rows == (("order-17",),)


async def test_what_was_cut_says_where_and_what_to_do(tmp_path: Path) -> None:
    """A count over rows that are silently missing is a wrong count."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        await fill(store, clock)
        reader = store.reader()
        whole = reader.query("SELECT name FROM spans", selection=EVERYTHING, limits=SqlLimits(rows=7))
        assert (len(whole.rows), whole.cut) == (7, "")
        by_rows = reader.query("SELECT name FROM spans", selection=EVERYTHING, limits=SqlLimits(rows=2))
        assert len(by_rows.rows) == 2 and by_rows.cut.startswith("only the first 2 rows")
        by_bytes = reader.query("SELECT name FROM spans", selection=EVERYTHING, limits=SqlLimits(size_bytes=11))
        assert len(by_bytes.rows) == 2 and "11 bytes" in by_bytes.cut
        endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
        late = reader.query(endless, selection=EVERYTHING, limits=SqlLimits(rows=10**9, size_bytes=10**9, seconds=0.0))
        assert late.rows and late.cut.startswith("stopped after 0 s")


async def test_values_are_what_json_can_hold(tmp_path: Path) -> None:
    """An answer goes to a model as JSON, which knows neither bytes nor infinity."""
    async with open_store(tmp_path, Clock()) as store:
        answer = store.reader().query("SELECT x'00ff' AS b, 9e999 AS i, NULL AS n, 1.5 AS f", selection=EVERYTHING)
        assert answer.columns == ("b", "i", "n", "f")
        assert answer.rows == (("00ff", "inf", None, 1.5),)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT nam FROM spans", "no such column: nam; the views are traces(trace_id"),
        ("SELECT * FROM span", "no such table: span; the views are"),
        ("SELECT count(* FROM spans", 'near "FROM": syntax error'),
        ("SELECT regexp('a', name) FROM spans", "no such function: regexp; the functions are abs"),
        ("SELECT :missing", "binding parameter :missing"),
        ("SELECT 1; SELECT 2", "one SELECT at a time"),
        ("", "only SELECT"),
    ],
)
async def test_a_mistake_is_told_in_one_line_with_what_to_do(tmp_path: Path, sql: str, said: str) -> None:
    """The one who reads it is a model: it corrects itself if it is told how, and guesses otherwise."""
    async with open_store(tmp_path, Clock()) as store:
        with pytest.raises(PermanentError) as caught:
            store.reader().query(sql, selection=EVERYTHING)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


async def test_the_schema_names_every_column_of_both_views(tmp_path: Path) -> None:
    """What a model is told must be what is there."""
    async with open_store(tmp_path, Clock()) as store:
        told = store.reader().query_schema()
        for view in ("traces", "spans"):
            described = told.split(f"{view}:\n")[1].split("\n\n")[0].splitlines()
            columns = store.reader().query(f"SELECT * FROM {view}", selection=EVERYTHING).columns
            assert [line.split()[0] for line in described] == list(columns)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL])
def test_a_sort_without_room_for_its_files_is_told_to_be_smaller(code: int) -> None:
    """A container may have no place to write; the window is not at fault, and trying again does not help."""

    class Full(sqlite3.Connection):
        def execute(self, *_: object) -> sqlite3.Cursor:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = code
            raise error

    with closing(Full(":memory:")) as connection, pytest.raises(PermanentError, match="TMPDIR"):
        answered(connection, "SELECT 1", {}, SqlLimits(), time.monotonic)


async def test_a_window_that_is_gone_is_a_matter_of_the_moment(tmp_path: Path) -> None:
    """Retention or a restart may take the file away; the statement is not at fault."""
    async with open_store(tmp_path, Clock()) as store:
        reader = store.reader()
        (tmp_path / "window.db").rename(tmp_path / "elsewhere.db")
        with pytest.raises(RetryableError, match="cannot be read now"):
            reader.query("SELECT 1", selection=EVERYTHING)
        (tmp_path / "elsewhere.db").rename(tmp_path / "window.db")
