"""`kill -9` at any moment: what was acknowledged is there, once, and a run in progress has one report."""

import os
import random
import re
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from store.backends.sqlite import open_reader
from tests.acceptance.loading import Load, Traffic
from tests.acceptance.sidecar import Sidecar, wait_until

ROUNDS = int(os.environ.get("HALO_TORTURE_ROUNDS", "10"))
KEPT = Traffic("kept-service", traces=1, noise_bytes=0, pause_s=0.05)
ROLLING = Traffic("rolling-service", traces=9)
PHASES = ("merge", "eviction", "report_commit")
EVENT = re.compile(r"(merge|eviction|report_commit)_(started|committed)")
SETTINGS = {
    "store.traces.quiet": "200ms",
    "store.merge.interval": "50ms",
    "store.merge.frame_bytes": "256KiB",
    "store.retention.max_bytes": "3MiB",
    "logging.level": "debug",
}


def descendants(pid: int) -> list[int]:
    """A process and all processes below it."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(each for child in below for each in descendants(int(child)))]


def kill_everything(sidecar: Sidecar) -> None:
    """As when a pod is killed: the sidecar and its child at once."""
    assert sidecar.process is not None
    for pid in descendants(sidecar.process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    sidecar.process.wait()
    sidecar.process = None


def wait_for_phase(log_path: Path, start: int, phase: str, timeout_s: float) -> bool:
    """Until the log, read from an offset, says that a phase has begun."""
    needle = f"{phase}_started".encode()
    deadline = time.monotonic() + timeout_s
    with log_path.open("rb") as log:
        log.seek(start)
        seen = b""
        while time.monotonic() < deadline:
            seen = seen[-64:] + log.read()
            if needle in seen:
                return True
            time.sleep(0.0005)
    return False


def open_phases(log_path: Path, start: int) -> list[str]:
    """The phases that the log says have begun and does not say have ended."""
    depth: Counter[str] = Counter()
    with log_path.open("rb") as log:
        log.seek(start)
        for line in log:
            if found := EVENT.search(line.decode(errors="replace")):
                depth[found[1]] += 1 if found[2] == "started" else -1
    return [phase for phase in PHASES if depth[phase] > 0]


def stored_ids(data_dir: Path, traffic: Traffic) -> Counter[str]:
    """The span ids of a service's traffic, read back from their bytes."""
    found: Counter[str] = Counter()
    with closing(sqlite3.connect(f"file:{data_dir}/window.db?mode=ro", uri=True)) as window:
        assert window.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        keys = [row[0] for row in window.execute("SELECT id FROM traces")]
    with open_reader(data_dir) as reader:
        for trace in reader.read(keys):
            for span in trace.spans:
                if span.resource.attributes[0].value.string_value == traffic.service:
                    found[span.span_id] += 1
    return found


def control_rows(data_dir: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{data_dir}/control.db?mode=ro", uri=True)) as control:
        assert control.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return control.execute(sql).fetchall()


def one_round(sidecar: Sidecar, number: int, chance: random.Random) -> tuple[dict[str, list[str]], list[str], str]:
    """Load, a run, a kill; the acknowledged ids, the phases the kill landed in, and the run's id."""
    start = sidecar.log_path.stat().st_size if sidecar.log_path.exists() else 0
    sidecar.start()
    load = Load(sidecar.grpc_port, (KEPT, ROLLING), chance.randrange(2**32)).start()
    agents = wait_until(lambda: [a for a in sidecar.items("/api/v1/agents") if a["service"] == KEPT.service])
    run = sidecar.post("/api/v1/runs", {"agent_uuid": agents[0]["uuid"]})
    aim = (None, "merge", "eviction", "report_commit")[number % 4]
    time.sleep(chance.uniform(0.2, 1.0))
    offset = sidecar.log_path.stat().st_size if aim != "report_commit" else start
    if aim is not None:
        wait_for_phase(sidecar.log_path, offset, aim, 20)
    kill_everything(sidecar)
    load.stop()
    return load.acknowledged, open_phases(sidecar.log_path, start), run["id"]


@pytest.mark.torture
def test_whatever_moment_the_kill_comes_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """The promise everything else rests on: OK means stored."""
    chance = random.Random(20_260_717)
    sidecar = Sidecar(tmp_path / "data", SETTINGS)
    kept: list[str] = []
    rolling: list[str] = []
    run_ids: list[str] = []
    landed: Counter[str] = Counter()
    for number in range(ROUNDS):
        acknowledged, phases, run_id = one_round(sidecar, number, chance)
        kept += acknowledged[KEPT.service]
        rolling += acknowledged[ROLLING.service]
        run_ids.append(run_id)
        landed[phases[0] if phases else "elsewhere"] += 1
    sidecar.start()

    def all_ended() -> bool:
        return all(sidecar.get(f"/api/v1/runs/{run_id}")["status"] == "completed" for run_id in run_ids)

    wait_until(all_ended, 120)
    assert sidecar.stop() == 0

    print(f"{ROUNDS} kills landed in {dict(landed)}; {len(kept)} and {len(rolling)} spans acknowledged")
    stored = stored_ids(sidecar.data_dir, KEPT)
    assert set(kept) - set(stored) == set()
    assert max(stored.values()) == 1
    assert max(stored_ids(sidecar.data_dir, ROLLING).values()) == 1
    reports = control_rows(sidecar.data_dir, "SELECT run_id, count(*) FROM reports GROUP BY run_id")
    assert dict(reports) == dict.fromkeys(run_ids, 1)
    deliveries = control_rows(sidecar.data_dir, "SELECT run_id, count(DISTINCT id) FROM deliveries GROUP BY run_id")
    assert dict(deliveries) == dict.fromkeys(run_ids, 1)
    assert sum(landed[phase] for phase in PHASES) * 3 >= ROUNDS
