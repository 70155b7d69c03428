"""Arize Phoenix beside the sidecar in the same minutes: install it (`pip install arize-phoenix`) to include it.

Phoenix acknowledges before it stores, so its rate is counted at the spans it can show afterwards.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.corpus import Corpus, encoded
from bench.ingest import send_all
from bench.processes import Row, cpu_s, rss_mb
from tests.acceptance.sidecar import Sidecar, free_ports, wait_until

COUNT = '{"query": "{ projects { edges { node { traceCount recordCount } } } }"}'


def stored_spans(port: int) -> int:
    """The spans that Phoenix shows."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", COUNT.encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        edges = json.load(answer)["data"]["projects"]["edges"]
    return sum(edge["node"]["recordCount"] for edge in edges)


def is_installed(python: str) -> bool:
    """Whether an interpreter has Phoenix."""
    return not subprocess.run([python, "-c", "import phoenix"], capture_output=True, check=False).returncode


@contextmanager
def serving(python: str, directory: Path, http: int, rpc: int) -> Iterator[int]:
    """Phoenix over a directory, ready; its process id."""
    environment = {
        **os.environ,
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(rpc),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    command = [python, "-m", "phoenix.server.main", "serve"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(http), 120, 0.5)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def rows(spans: int = 4_096, python: str = sys.executable) -> list[Row]:
    """Both servers with the same requests; nothing when Phoenix is not installed."""
    if not is_installed(python):
        return [Row("Arize Phoenix beside it", "not installed", "", None)]
    requests = encoded(Corpus(21, 1_600, 512), spans)
    sent, received = sum(count for _, count in requests), sum(len(body) for body, _ in requests)
    with tempfile.TemporaryDirectory() as directory, Sidecar(Path(directory) / "data") as sidecar:
        seconds = send_all(sidecar.grpc_port, requests)
        ours = sent / seconds
    http, rpc = free_ports(2)
    with tempfile.TemporaryDirectory() as directory, serving(python, Path(directory), http, rpc) as pid:
        idle, cpu, start = rss_mb(pid), cpu_s(pid), time.perf_counter()
        send_all(rpc, requests)
        wait_until(lambda: stored_spans(http) >= sent, 300, 0.5)
        seconds = time.perf_counter() - start
        cost = (cpu_s(pid) - cpu) / sent * 1e6
        disk = sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
    theirs = sent / seconds
    return [
        Row("Arize Phoenix, same requests", f"{theirs:,.0f} stored spans/s, {cost:,.0f} µs CPU a span", "", None),
        Row("  sidecar ÷ Phoenix, stored spans/s", f"{ours / theirs:,.0f} ×", "", None),
        Row("  Phoenix: disk per OTLP byte, RSS idle", f"{disk / received:.0%}, {idle:.0f} MB", "", None),
    ]


def _answers(port: int) -> bool:
    try:
        return stored_spans(port) >= 0
    except OSError:
        return False
