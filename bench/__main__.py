"""`python -m bench [row …] [--peer-venv DIR]`: measure, and print one table.

Rows: start ingest latency disk queries analysis accuracy memory plant overload forwarding chain phoenix peer
peer_events; all of them when none is named.
Real traces are used where HALO_SHARED_DATA (or ../shared/data) holds them. `BENCH_PHOENIX_PYTHON` names an interpreter
that has Phoenix, `--peer-venv` a virtual environment that has halo-engine.
"""

import argparse
import os
import platform
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

from bench import (
    accuracy,
    analysis,
    chain,
    disk,
    forwarding,
    ingest,
    latency,
    memory,
    overload,
    peer,
    peer_events,
    phoenix,
    plant,
    queries,
    start,
)
from bench.processes import Row, print_rows

REPOSITORY = Path(__file__).resolve().parent.parent


def real_traces() -> Path | None:
    """The file of real traces, where there is one."""
    shared = Path(os.environ.get("HALO_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    path = shared / "traces" / "trail-dev.jsonl.xz"
    return path if path.is_file() else None


def main(arguments: list[str]) -> None:
    """Measure the wanted rows in order."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("rows", nargs="*", metavar="row")
    parser.add_argument("--peer-venv", type=Path, default=Path("peer-venv"))
    parser.add_argument("--spans", default="10000,100000,300000", help="sizes of the files that `peer` measures on")
    given = parser.parse_args(arguments)
    wanted: list[str] = given.rows
    peer_python = given.peer_venv / "bin" / "python"
    trail = real_traces()
    measures: dict[str, Callable[[], list[Row]]] = {
        "start": start.rows,
        "ingest": ingest.rows,
        "latency": latency.rows,
        "disk": lambda: disk.rows(trail),
        "queries": queries.rows,
        "analysis": lambda: analysis.rows(trail),
        "accuracy": lambda: accuracy.rows(trail),
        "memory": memory.rows,
        "plant": plant.rows,
        "overload": overload.rows,
        "forwarding": forwarding.rows,
        "chain": lambda: chain.rows(os.environ.get("BENCH_PHOENIX_PYTHON", sys.executable)),
        "peer": lambda: list(peer.rows(given.peer_venv, [int(each) for each in given.spans.split(",")])),
        "peer_events": lambda: list(peer_events.rows(peer_python)),
        "phoenix": lambda: phoenix.rows(python=os.environ.get("BENCH_PHOENIX_PYTHON", sys.executable)),
    }
    unknown = set(wanted) - measures.keys()
    if unknown:
        raise SystemExit(f"unknown rows {sorted(unknown)}; choose from {', '.join(measures)}")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n")
    print_rows(row for name in wanted or measures for row in measures[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
