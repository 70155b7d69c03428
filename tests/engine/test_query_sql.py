"""The tool `query_sql`: what it tells of the window, what it may not, and which ids it has shown."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.tooling import ToolError
from tests.engine.sandbox.kit import answer, at_work, tool
from tests.store.window_kit import span_id, trace_id

INVENTED = "0123456789abcdef0123456789abcdef"


async def test_a_statement_is_answered_with_columns_and_rows(tmp_path: Path) -> None:
    """Plain values, so that the answer is JSON, and a time, so that a model sees what is dear."""
    async with at_work(tmp_path) as work:
        found = await answer(work, "query_sql", sql="SELECT kind, count(*) AS n FROM spans GROUP BY kind ORDER BY n")
        assert found["columns"] == ["kind", "n"]
        assert found["rows"] == [["TOOL", 1], ["UNKNOWN", 5]]
        assert found["cut"] == "" and found["seconds"] >= 0
        assert json.loads(json.dumps(found)) == found


async def test_rows_beyond_the_limit_are_missing_and_it_says_so(tmp_path: Path) -> None:
    """A model that counts the rows it got must know that they are not all."""
    async with at_work(tmp_path) as work:
        asked = await answer(work, "query_sql", sql="SELECT span_id FROM spans", limit=2)
        assert len(asked["rows"]) == 2 and asked["cut"].startswith("only the first 2 rows")
        configured = await answer(work, "query_sql", {"max_rows": 3}, sql="SELECT span_id FROM spans", limit=100)
        assert len(configured["rows"]) == 3


async def test_ids_in_an_answer_count_as_shown(tmp_path: Path) -> None:
    """What a model was shown it may cite."""
    async with at_work(tmp_path) as work:
        await answer(work, "query_sql", sql="SELECT trace_id, span_id, parent_id FROM spans WHERE tool = 'search'")
        a = trace_id("a").hex()
        assert work.shown.traces == {a}
        assert work.shown.spans == {(a, span_id("a/look").hex()), (a, span_id("a/root").hex())}


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT '{INVENTED}' AS trace_id, '0123456789abcdef' AS span_id",
        f"SELECT '{trace_id('theirs').hex()}' AS trace_id, '{span_id('theirs/root').hex()}' AS span_id",
        f"SELECT '{INVENTED}' AS trace_id, span_id FROM spans",
        "SELECT 1 AS trace_id, NULL AS span_id",
    ],
)
async def test_an_id_that_a_statement_makes_up_is_not_shown(tmp_path: Path, sql: str) -> None:
    """Else a model could make any id citable by selecting it."""
    async with at_work(tmp_path) as work:
        await answer(work, "query_sql", sql=sql)
        assert work.shown.traces == set() and work.shown.spans == set()


async def test_a_statement_that_is_refused_tells_the_model_what_to_do(tmp_path: Path) -> None:
    """The run goes on; only the statement has to change."""
    async with at_work(tmp_path) as work:
        with pytest.raises(ToolError, match="the views are traces"):
            await answer(work, "query_sql", sql="SELECT * FROM messages")
        with pytest.raises(ToolError, match="not done after"):
            await answer(work, "query_sql", {"statement_s": 0.05}, sql=ENDLESS)
        assert (await answer(work, "query_sql", sql="SELECT count(*) FROM traces"))["rows"] == [[2]]


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


async def test_the_description_holds_the_schema_and_examples_that_work(tmp_path: Path) -> None:
    """It is all that a model knows of the views."""
    async with at_work(tmp_path) as work:
        description = tool("query_sql").description
        assert work.window.reader.query_schema() in description
        examples = description.split("Examples:\n")[1].replace("\n  ", " ").splitlines()
        assert len(examples) == 2
        for sql in examples:
            await answer(work, "query_sql", sql=sql)


def test_arguments_that_are_not_there_are_refused() -> None:
    """A misspelt limit would silently be none."""
    with pytest.raises(ValidationError):
        tool("query_sql").arguments.model_validate({"sql": "SELECT 1", "limits": 3})
