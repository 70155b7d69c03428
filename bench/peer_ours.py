"""What this engine takes for the same work as `bench.peer_theirs`, through the tools that agents call.

python -m bench.peer_ours TRACE_FILE INDEX_DIRECTORY RARE_WORD
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from domain.component import load_component
from engine.opening import window_of_files
from tests.engine.querying.planted import call, work_on


def _open(path: Path, directory: Path) -> None:
    with window_of_files([path], directory):
        pass


def _timed(into: dict[str, float], name: str, act: Callable[[], Any], repeats: int = 1) -> Any:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = act()
        times.append((time.perf_counter() - start) * 1_000)
    into[name] = sorted(times)[len(times) // 2]
    return found


def main(path: Path, directory: Path, rare: str) -> None:
    """Index, append, open, and each tool's work."""
    load_component("store.backends", "sqlite")  # the other side has imported what it needs, too
    took: dict[str, float] = {}
    _timed(took, "index", lambda: _open(path, directory))
    _timed(took, "open unchanged", lambda: _open(path, directory), 3)
    with window_of_files([path], directory) as window, asyncio.Runner() as runner:
        work = work_on(window)

        def answer(name: str, **arguments: Any) -> Any:
            made: Coroutine[Any, Any, Any] = call(work, name, **arguments)
            return runner.run(made)

        _timed(took, "overview, first", lambda: answer("get_dataset_overview", filters={}))
        _timed(took, "overview, again", lambda: answer("get_dataset_overview", filters={}), 5)
        _timed(took, "overview, filtered", lambda: answer("get_dataset_overview", filters={"has_errors": True}))
        page = _timed(took, "query 50", lambda: answer("query_traces", filters={}, limit=50))
        _timed(took, "query 500", lambda: answer("query_traces", filters={}, limit=500))
        found = _timed(took, "count by rare word", lambda: answer("count_traces", filters={"regex_pattern": rare}))
        names = [trace["trace_id"] for trace in page["traces"]]
        views = iter(names * 2)
        _timed(took, "view_trace", lambda: answer("view_trace", trace_id=next(views)), 25)
        search = {"regex_pattern": "error"}
        _timed(took, "search_trace", lambda: answer("search_trace", trace_id=next(views), **search), 25)
    with path.open("ab") as file:
        file.write(sys.stdin.buffer.read())
    _timed(took, "append one span", lambda: _open(path, directory))
    print(json.dumps({"took": took, "found": found["total"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
