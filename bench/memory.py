"""How much memory the analysis of a large window takes: a run over a million spans, watched from outside."""

import tempfile
import threading
import time
from pathlib import Path

from bench.corpus import Corpus
from bench.ingest import send_all
from bench.processes import Row, rss_mb
from bench.queries import CHUNK, SPANS
from tests.acceptance.sidecar import Sidecar

BAR_MB = 600
WINDOW = {"window_start_at": "2020-01-01T00:00:00Z", "window_end_at": "2035-01-01T00:00:00Z"}
KEEP = {"store.retention.max_age": "3650d", "store.retention.max_bytes": "64GiB", "scheduler.run_timeout": "2h"}


class _Watch:
    """The highest peak of any child that a process has while this is open."""

    def __init__(self, pid: int) -> None:
        self._children = Path(f"/proc/{pid}/task/{pid}/children")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mb = 0.0

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            for child in self._children.read_text().split():
                try:
                    self.peak_mb = max(self.peak_mb, rss_mb(int(child), peak=True))
                except OSError:  # it has just ended
                    continue


def rows(spans: int = SPANS) -> list[Row]:
    """Fill a window through the receiver, run over all of it, and see what the analysis process took."""
    with tempfile.TemporaryDirectory() as directory, Sidecar(Path(directory) / "data", KEEP) as sidecar:
        corpus, sent = Corpus(9, 600, 512), 0
        while sent < spans:
            requests = [(request.SerializeToString(), 512) for request in corpus.requests(min(CHUNK, spans - sent))]
            send_all(sidecar.grpc_port, requests)
            sent += sum(count for _, count in requests)
        time.sleep(12)  # until the last traces count as complete
        agent = sidecar.items("/api/v1/agents")[0]["uuid"]
        start = time.perf_counter()
        with _Watch(sidecar.process.pid) as watch:
            run = sidecar.run(agent, timeout_s=3_600, **WINDOW)
        seconds = time.perf_counter() - start
    return [
        Row(
            f"analysis of {run['spans']:,} spans in one run: peak RSS of its process",
            f"{watch.peak_mb:.0f} MB ({run['status']}, {seconds:.0f} s)",
            f"≤ {BAR_MB} MB",
            watch.peak_mb <= BAR_MB and run["status"] == "completed",
        )
    ]
