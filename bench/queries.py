"""How long people wait for an overview of a large window, and for one trace of it."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.corpus import Corpus
from bench.ingest import send_all
from bench.processes import Row
from store.backends.sqlite import open_reader
from store.base import TraceFilter
from tests.acceptance.sidecar import Sidecar

SPANS, CHUNK = 1_000_000, 50_000


def times_ms(call: Callable[[], object], repeats: int = 40) -> list[float]:
    """Sorted wall-clock milliseconds of repeated calls."""
    out = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        out.append((time.perf_counter() - start) * 1_000)
    return sorted(out)


def rows(spans: int = SPANS) -> list[Row]:
    """A window filled through the receiver, then read as the API reads it."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        with Sidecar(data, {"store.retention.max_age": "3650d", "store.retention.max_bytes": "64GiB"}) as sidecar:
            corpus = Corpus(9, 600, 512)
            sent = 0
            while sent < spans:
                requests = [(request.SerializeToString(), 512) for request in corpus.requests(min(CHUNK, spans - sent))]
                send_all(sidecar.grpc_port, requests)
                sent += sum(count for _, count in requests)
            overview_rest = times_ms(lambda: sidecar.items("/api/v1/agents"))
        with open_reader(data) as reader:
            overview = times_ms(lambda: (reader.agents(), reader.sums()))
            listed = reader.list_traces(TraceFilter(limit=40))
            ids = iter([trace.trace_id for trace in listed] * 2)
            by_id = times_ms(lambda: reader.trace(next(ids)))
    return [
        Row(
            f"overview of a window of {sent:,} spans, p95 (over REST)",
            f"{overview[-2]:.1f} ms ({overview_rest[-2]:.1f} ms)",
            "≤ 50 ms",
            overview[-2] <= 50,
        ),
        Row("  one trace by id, p95", f"{by_id[-2]:.1f} ms", "≤ 10 ms", by_id[-2] <= 10),
    ]
