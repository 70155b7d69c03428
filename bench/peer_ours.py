"""What this engine takes for the same work as `bench.peer_theirs`, through the tools that agents call.

python -m bench.peer_ours TRACE_FILE INDEX_DIRECTORY RARE_WORD
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engine.calling import Caller, load_tools
from engine.fencing import Fence
from engine.models.messages import AgentToolCall, AgentToolFunction
from engine.opening import window_of_files
from tests.engine.querying.planted import work_on


async def _timed(into: dict[str, float], name: str, act: Callable[[], Awaitable[Any]], repeats: int = 1) -> Any:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = await act()
        times.append((time.perf_counter() - start) * 1_000)
    into[name] = sorted(times)[len(times) // 2]
    return found


async def _opened(path: Path, directory: Path) -> None:
    with window_of_files([path], directory):
        pass


async def _ask(path: Path, directory: Path, rare: str, took: dict[str, float]) -> int:
    """Each tool's work, through the caller that a run makes once; how many traces hold the rare word."""
    caller = Caller(load_tools({}), Fence("0"))  # the other side has imported what it needs, too
    await _timed(took, "index", lambda: _opened(path, directory))
    await _timed(took, "open unchanged", lambda: _opened(path, directory), 3)
    with window_of_files([path], directory) as window:
        work = work_on(window)

        async def answer(name: str, **arguments: Any) -> Any:
            function = AgentToolFunction(name=name, arguments=json.dumps(arguments))
            return (await caller.call(AgentToolCall(id="c", function=function), work)).content

        await _timed(took, "overview, first", lambda: answer("get_dataset_overview", filters={}))
        await _timed(took, "overview, again", lambda: answer("get_dataset_overview", filters={}), 5)
        await _timed(took, "overview, filtered", lambda: answer("get_dataset_overview", filters={"has_errors": True}))
        page = await _timed(took, "query 50", lambda: answer("query_traces", filters={}, limit=50))
        await _timed(took, "query 500", lambda: answer("query_traces", filters={}, limit=500))
        found = await _timed(
            took, "count by rare word", lambda: answer("count_traces", filters={"regex_pattern": rare})
        )
        views = iter([trace["trace_id"] for trace in json.loads(page)["result"]["traces"]] * 2)
        await _timed(took, "view_trace", lambda: answer("view_trace", trace_id=next(views)), 25)
        search = {"regex_pattern": "error"}
        await _timed(took, "search_trace", lambda: answer("search_trace", trace_id=next(views), **search), 25)
    with path.open("ab") as file:
        file.write(sys.stdin.buffer.read())
    await _timed(took, "append one span", lambda: _opened(path, directory))
    return int(json.loads(found)["result"]["total"])


def main(path: Path, directory: Path, rare: str) -> None:
    """Index, open, each tool's work, append."""
    took: dict[str, float] = {}
    found = asyncio.run(_ask(path, directory, rare, took))
    print(json.dumps({"took": took, "found": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
