"""`halo serve` as a process: how it starts, what it refuses, how it stops, what it loads."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.sidecar import Sidecar, free_ports, wait_until
from tests.cli.running import TRACES, Halo, send
from tests.conftest import REPOSITORY

TIMEOUT_S = 60
BATCH = ("analysis.detectors", "analysis.extraction", "analysis.looking", "analysis.reporting", "analysis.schemas")


def command(data_dir: Path, *words: str) -> list[str]:
    """`halo serve` on ports of its own."""
    grpc, http, api, health = free_ports(4)
    ports = {
        "receivers.otlp.protocols.grpc.endpoint": grpc,
        "receivers.otlp.protocols.http.endpoint": http,
        "api.endpoint": api,
        "health.endpoint": health,
    }
    settings = [word for key, port in ports.items() for word in ("--set", f"{key}=127.0.0.1:{port}")]
    return [sys.executable, "-m", "cli.main", "serve", "--data-dir", str(data_dir), *settings, *words]


@contextmanager
def started(words: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process once it has said that it is ready, and that line."""
    process = subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def refused(words: Sequence[str]) -> list[str]:
    """What a start that must fail says, line by line; it must exit 2."""
    answer = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert answer.returncode == 2, answer.stderr
    return answer.stderr.splitlines()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_stops_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Whoever started it by hand, and whoever supervises it, both know where they are."""
    with started(command(tmp_path)) as (process, line):
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT_S)

    assert re.fullmatch(
        r"Everything is ready\. OTLP gRPC 127\.0\.0\.1:\d+, HTTP 127\.0\.0\.1:\d+; API http://127\.0\.0\.1:\d+; "
        rf"health http://127\.0\.0\.1:\d+; data in {re.escape(str(tmp_path))}\n",
        line,
    )
    assert process.returncode == 0
    assert out == ""
    assert "stopping" in err
    assert "stopped" in err.splitlines()[-1]
    assert "Traceback" not in err


def test_a_second_process_on_the_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    """Two writers of one window would destroy it."""
    with started(command(tmp_path)) as (process, _):
        lines = refused(command(tmp_path))

    assert len(lines) == 1
    assert f"in use by process {process.pid}" in lines[0]
    assert "use another --data-dir" in lines[0]


def test_a_port_in_use_is_named_by_its_setting(tmp_path: Path) -> None:
    """The other usual reason why it does not start."""
    first = command(tmp_path / "a")
    taken = next(word for word in first if word.startswith("api.endpoint="))
    with started(first):
        lines = refused([*command(tmp_path / "b"), "--set", taken])

    assert len(lines) == 1
    assert lines[0].startswith("Error: api.endpoint: 127.0.0.1:")
    assert lines[0].endswith(" is in use; stop the program that listens there or choose another port")


def test_wrong_settings_of_a_detector_stop_the_start_like_all_others(tmp_path: Path) -> None:
    """They are checked in another process, and must be told all the same."""
    overrides = ["--set", "analysis.detectors.unusable_tool.min_call=3", "--set", "analysis.detectors.no_such={}"]
    lines = refused(command(tmp_path, *overrides))

    assert lines[0].startswith(
        "Error: analysis.detectors.unusable_tool.min_call: unknown setting; did you mean min_calls?"
    )
    assert "no_such" in lines[1]
    assert not (tmp_path / "window.db").exists()


def test_the_serving_process_loads_of_the_analysis_only_what_follows_live(tmp_path: Path) -> None:
    """Receiving must not pay for numerical libraries, nor share its interpreter lock with an analysis."""
    settings = {"store.traces.quiet": "100ms"}
    probe = tmp_path / "probe"
    probe.mkdir()
    (probe / "sitecustomize.py").write_text(
        "import atexit, json, os, sys\n"
        "if 'serve' in sys.argv or 'serve' in getattr(sys, 'orig_argv', []):\n"
        "    atexit.register(lambda: open(os.environ['LOADED'], 'w').write(json.dumps(sorted(sys.modules))))\n"
    )
    loaded = tmp_path / "loaded.json"
    environment = {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{probe}", "LOADED": str(loaded)}
    with Sidecar(tmp_path / "data", settings, environment) as sidecar:
        send(sidecar)
        agent = sidecar.items("/api/v1/agents")[0]
        assert sidecar.run(agent["uuid"])["status"] == "completed"
        wait_until(lambda: sidecar.get(f"/api/v1/agents/{agent['uuid']}")["health"]["traces"] == TRACES)
        assert "page_down" in Halo(sidecar.api_endpoint).told("finding", "ls")
        assert sidecar.stop() == 0
    modules = json.loads(loaded.read_text())
    rooms = {name.partition(".")[0] for name in modules}

    assert {"collector", "store", "api", "scheduler"} <= rooms
    assert rooms & {"engine", "openai", "numpy", "jsonschema", "rapidfuzz", "sqlite_utils"} == set()
    assert [name for name in modules if name.startswith(BATCH)] == []
