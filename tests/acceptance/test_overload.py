"""More than it can take: the sidecar pushes back, stays within its memory, loses nothing, and recovers at once.

The long form is `python -m bench overload`.
"""

from pathlib import Path

from bench.processes import rss_mb
from tests.acceptance.overloading import Offer, Offering, counted, stored_spans
from tests.acceptance.sidecar import Sidecar

LIMIT_MB = 300
SETTINGS = {
    "processors.memory_limiter.limit": f"{LIMIT_MB}MiB",
    "receivers.otlp.max_inflight_bytes": "64MiB",
    "receivers.otlp.protocols.grpc.max_request_bytes": "24MiB",
    "receivers.otlp.protocols.http.max_request_bytes": "24MiB",
    "store.retention.max_spans": 10_000_000,
    "store.retention.max_bytes": "8GiB",
}


def test_large_requests_from_many_connections_are_bounded_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """Sixteen connections with 20 MB requests at once are 320 MB; the sidecar has a pod's memory, not a machine's."""
    with Sidecar(tmp_path / "data", SETTINGS) as sidecar:
        assert sidecar.process is not None
        large = Offer(
            sidecar.grpc_port, spans=600, span_bytes=33_000, seconds=6, connections=16, outstanding=16, timeout_s=60
        )
        found = Offering(large).result()
        peak = rss_mb(sidecar.process.pid, peak=True)
        after = Offering(Offer(sidecar.grpc_port, spans=50, seconds=1, connections=1, outstanding=1)).result()
        figures = counted(sidecar)
        stored = stored_spans(sidecar.data_dir)

    print(f"20 MB requests: {found['outcomes']}, slowest {found['slowest_s']:.1f} s, peak RSS {peak:.0f} MB")
    assert found["outcomes"]["OK"] > 0
    assert set(found["outcomes"]) <= {"OK", "UNAVAILABLE"}
    assert peak <= LIMIT_MB * 1.2
    assert all(stored.get(prefix) == 600 for prefix in found["acknowledged"])
    assert set(after["outcomes"]) == {"OK"}, "it takes requests again at once"
    assert figures["otelcol_receiver_accepted_spans_total"] == sum(stored.values())
