"""From the command to ready, and what an idle sidecar holds."""

import tempfile
import time
from pathlib import Path

from bench.processes import Row, rss_mb
from tests.acceptance.sidecar import Sidecar


def rows(repeats: int = 5) -> list[Row]:
    """Median start time and idle memory."""
    seconds, memory = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as directory:
            start = time.perf_counter()
            with Sidecar(Path(directory) / "data") as sidecar:
                seconds.append(time.perf_counter() - start)
                assert sidecar.process is not None
                time.sleep(2)
                memory.append(rss_mb(sidecar.process.pid))
    took, held = sorted(seconds)[repeats // 2], sorted(memory)[repeats // 2]
    return [
        Row("start to ready", f"{took:.2f} s", "≤ 0.8 s", took <= 0.8),
        Row("RSS idle", f"{held:.0f} MB", "≤ 80 MB", held <= 80),
    ]
