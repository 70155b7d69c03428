"""Code over traces: what it can call, what it keeps, and how its end is told."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.sandbox.functions import TOOLS
from engine.sandbox.limits import SandboxLimits
from engine.sandbox.session import Sandbox
from engine.tooling import ToolError, Work
from tests.engine.sandbox.kit import answer, at_work, tool
from tests.store.window_kit import span_id, trace_id


async def run(work: Work, code: str, **settings: Any) -> dict[str, Any]:
    """What `run_code` answers."""
    found: dict[str, Any] = await answer(work, "run_code", settings, code=code)
    return found


async def test_code_answers_with_what_it_printed_and_its_last_value(tmp_path: Path) -> None:
    """Both are ways in which models ask for a result."""
    async with at_work(tmp_path) as work:
        found = await run(work, "import sys\nprint('hello')\nprint('oops', file=sys.stderr)\n{'n': [1, 2.5, None]}")
        assert found == {
            "exit_code": 0,
            "stdout": "hello\n",
            "stderr": "oops\n",
            "timed_out": False,
            "value": {"n": [1, 2.5, None]},
        }
        assert "value" not in await run(work, "x = 1")
        assert (await run(work, "{(1, 2): {3}}"))["value"] == "{(1, 2): {3}}"


async def test_names_stay_from_call_to_call_and_from_failure_to_failure(tmp_path: Path) -> None:
    """An agent builds on what it has computed; a mistake must not cost it that."""
    async with at_work(tmp_path) as work:
        await run(work, "def double(n):\n    return 2 * n\nfound = [double(21)]")
        failed = await run(work, "found.append(1 / 0)")
        assert failed["exit_code"] == 1 and "ZeroDivisionError" in failed["stderr"] and "line 1" in failed["stderr"]
        assert (await run(work, "found.append(double(4))\nfound"))["value"] == [42, 8]
        assert "SyntaxError" in (await run(work, "def f(:"))["stderr"]
        assert (await run(work, "found"))["value"] == [42, 8]


async def test_code_reads_the_window_with_sql(tmp_path: Path) -> None:
    """Rows come as dicts, and of the run's traces alone."""
    async with at_work(tmp_path) as work:
        code = "rows = sql('SELECT service, count(*) AS n FROM traces GROUP BY service')\nrows"
        assert (await run(work, code))["value"] == [{"service": "shop", "n": 2}]
        refused = await run(work, "try:\n    sql('SELECT * FROM strings')\nexcept RuntimeError as e:\n    print(e)")
        assert "prohibited" in refused["stdout"] and refused["exit_code"] == 0
        cut = "sql('WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) SELECT x FROM n')"
        assert "does not fit" in (await run(work, cut))["stderr"]


async def test_tools_are_functions_with_arguments_by_name_or_place(tmp_path: Path) -> None:
    """The functions are the tools: the same arguments, the same answers, the same refusals."""
    async with at_work(tmp_path) as work:

        async def called(code: str) -> Any:
            return (await run(work, code))["value"]

        assert await called("view_trace('t1')") == {"tool": "view_trace", "arguments": {"trace_id": "t1"}}
        by_name = {"tool": "search_spans", "arguments": {"kind": "TOOL", "limit": 3}}
        assert await called("search_spans(kind='TOOL', limit=3)") == by_name
        assert await called("search_spans({'kind': 'TOOL', 'limit': 3})") == by_name
        assert (await called("query_traces({'has_errors': True})"))["arguments"] == {"filters": {"has_errors": True}}
        assert (await called("findings()"))["tool"] == "get_findings"
        assert await called("[view_trace(n)['arguments']['trace_id'] for n in ['a', 'b']]") == ["a", "b"]
        assert (await called("await view_trace('t2')"))["arguments"] == {"trace_id": "t2"}
        assert "by position" in (await run(work, "view_trace('a', 'b')"))["stderr"]
        assert "NameError" in (await run(work, "final_answer('done')"))["stderr"]
        assert "NameError" in (await run(work, "run_code('1')"))["stderr"]


async def test_a_tools_refusal_is_an_exception_that_code_can_catch(tmp_path: Path) -> None:
    """A loop over a hundred traces must be able to go on behind the one that is gone."""

    async def refuse(name: str, arguments: Mapping[str, Any]) -> Any:
        raise ToolError("there is no such trace")

    async with at_work(tmp_path, call=refuse) as work:
        code = "try:\n    view_trace('x')\nexcept RuntimeError as error:\n    print('caught:', error)"
        assert (await run(work, code))["stdout"] == "caught: there is no such trace\n"


async def test_code_puts_questions_to_a_model_one_by_one_or_many_at_once(tmp_path: Path) -> None:
    """That is what makes the engine recursive: code decides what a model reads."""
    at_once = most_at_once = 0

    async def echo(purpose: str, question: str, context: str) -> str:
        nonlocal at_once, most_at_once
        assert purpose == "ask"
        at_once += 1
        most_at_once = max(most_at_once, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        if context == "bad":
            raise ToolError("too long")
        return f"{question}:{context}"

    async with at_work(tmp_path, ask=echo) as work:
        assert (await run(work, "ask('q', 'c') + ask('r') + ask(question='s', context='d')"))["value"] == "q:cr:s:d"
        many = await run(work, "ask_many([('q', str(n)) for n in range(40)] + [('q', 'bad'), 'alone'])")
        assert many["value"] == [*(f"q:{n}" for n in range(40)), "(no answer: too long)", "alone:"]
        assert 2 <= most_at_once <= 8
        assert "too long" in (await run(work, "ask_many([('q', 'bad')])"))["stderr"]
        for wrong in ("ask(5)", "ask('q', {'a': 1})", "ask_many('q')", "ask_many([1])", "ask_many([('q', 1)])"):
            assert "TypeError" in (await run(work, wrong))["stderr"]


async def test_ids_that_code_prints_count_as_shown_when_the_window_has_them(tmp_path: Path) -> None:
    """Code handles many ids that nobody sees; what it prints is what the model was shown."""
    async with at_work(tmp_path) as work:
        a = trace_id("a").hex()
        await run(work, "rows = sql('SELECT trace_id, span_id FROM spans')")
        assert work.shown.traces == set()
        look = span_id("a/look").hex()
        await run(work, f"print('{a}', '{look}', '{'0' * 32}', '{'1' * 16}', '{trace_id('theirs').hex()}')")
        assert work.shown.traces == {a} and work.shown.spans == {(a, look)}


async def test_pieces_of_code_run_one_after_the_other(tmp_path: Path) -> None:
    """A model may call the tool twice in one turn; the two share one interpreter."""
    async with at_work(tmp_path) as work:
        await run(work, "seen = []")
        pieces = [f"before = len(seen)\nview_trace('x')\nseen.append({n})\nlen(seen) - before" for n in range(5)]
        found = await asyncio.gather(*(run(work, piece) for piece in pieces))
        assert [each["value"] for each in found] == [1] * 5


async def test_an_interpreter_begins_with_its_first_code_and_ends_with_its_agent(tmp_path: Path) -> None:
    """Agents come and go by the dozen; none may leave a process behind."""
    async with at_work(tmp_path) as work:
        assert work.belongings == {}
        await run(work, "1")
        process = work.belongings["run_code"]._worker.process_id
        os.kill(process, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_the_example_in_the_description_works(tmp_path: Path) -> None:
    """A model copies it first."""

    async def first(purpose: str, question: str, context: str) -> str:
        return f"{question[:10]} of {context[:20]}"

    async with at_work(tmp_path, ask=first) as work:
        example = tool("run_code").description.split("Example:\n")[1]
        found = await run(work, example)
        assert found["stdout"].startswith(trace_id("a").hex()) and "Which step" in found["stdout"]


def test_what_a_model_gives_beside_code_is_ignored() -> None:
    """Models that know other sandboxes give a language or a timeout as well."""
    given = tool("run_code").arguments.model_validate({"code": "1", "language": "python", "timeout": 5})
    assert given.model_dump() == {"code": "1"}


def test_the_functions_take_what_the_tools_take() -> None:
    """An argument that moves, or is renamed, in a tool must move here."""
    for name, by_position in TOOLS.items():
        assert set(by_position) <= set(tool(name).arguments.model_fields), name


async def test_a_call_that_is_given_up_ends_its_process_and_the_next_has_another() -> None:
    """A cancelled run must not leave code running, whether it computes or waits for an answer."""
    waits = asyncio.Event()

    async def never(args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        waits.set()
        await asyncio.Event().wait()

    async def started(args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        waits.set()

    sandbox = Sandbox({"never": never, "started": started}, SandboxLimits(), asyncio.get_running_loop().time)
    try:
        for code in ("never()", "started()\nwhile True: pass"):
            waits.clear()
            assert (await sandbox.run("1")).value == 1
            task = asyncio.create_task(sandbox.run(code))
            await waits.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert "NameError" in (await sandbox.run("waited")).stderr
        await sandbox.close()
        task = asyncio.create_task(sandbox.run("while True: pass"))
        await asyncio.sleep(0)  # it is about to begin
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await sandbox.run("2")).value == 2
    finally:
        await sandbox.close()
