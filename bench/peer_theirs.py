"""What the HALO engine package takes for the work of its tools; run as a file by the interpreter that has it.

    python -P bench/peer_theirs.py TRACE_FILE INDEX_DIRECTORY RARE_WORD

Prints one JSON object: milliseconds by what was done. Only the package's public names are used.
"""

import asyncio
import inspect
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def _public(module: str, name: str) -> Any:
    """A name of that package, which is not installed where this file is checked."""
    return getattr(import_module(f"engine.traces.{module}"), name)


TraceIndexConfig = _public("models.trace_index_config", "TraceIndexConfig")
TraceFilters = _public("models.trace_query_models", "TraceFilters")
TraceIndexBuilder = _public("trace_index_builder", "TraceIndexBuilder")
TraceStore = _public("trace_store", "TraceStore")


def _ensure(path: Path, directory: Path) -> Path:
    found = TraceIndexBuilder.ensure_index_exists(path, TraceIndexConfig(index_dir=directory))
    return Path(asyncio.run(found) if inspect.iscoroutine(found) else found)


def _timed(into: dict[str, float], name: str, call: Callable[[], Any], repeats: int = 1) -> Any:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = call()
        times.append((time.perf_counter() - start) * 1_000)
    into[name] = sorted(times)[len(times) // 2]
    return found


def main(path: Path, directory: Path, rare: str) -> None:
    """Index, append, open, and each tool's work."""
    took: dict[str, float] = {}
    _timed(took, "index", lambda: _ensure(path, directory))
    index = _timed(took, "open unchanged", lambda: _ensure(path, directory), 3)
    store = _timed(took, "load", lambda: TraceStore.load(path, index))
    took["open unchanged"] += took.pop("load")
    everything, failed = TraceFilters(), TraceFilters(has_errors=True)

    def dump(found: Any) -> str:
        return str(found.model_dump_json())

    _timed(took, "overview, first", lambda: dump(store.get_overview(everything)))
    _timed(took, "overview, again", lambda: dump(store.get_overview(everything)), 5)
    _timed(took, "overview, filtered", lambda: dump(store.get_overview(failed)))
    _timed(took, "query 50", lambda: dump(store.query_traces(everything, limit=50)))
    _timed(took, "query 500", lambda: dump(store.query_traces(everything, limit=500)))
    found = _timed(took, "count by rare word", lambda: store.count_traces(TraceFilters(regex_pattern=rare)))
    names = [trace.trace_id for trace in store.query_traces(everything, limit=50).traces]
    views = iter(names * 2)
    _timed(took, "view_trace", lambda: dump(store.view_trace(next(views))), 25)
    _timed(took, "search_trace", lambda: dump(store.search_trace(next(views), "error")), 25)
    with path.open("ab") as file:
        file.write(sys.stdin.buffer.read())
    _timed(took, "append one span", lambda: _ensure(path, directory))
    print(json.dumps({"took": took, "found": found.total}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
