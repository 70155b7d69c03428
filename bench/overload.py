"""Four times what the sidecar can take, then 20 MB requests from sixteen connections: push-back, memory, losses."""

import tempfile
import time
from pathlib import Path
from typing import Any

from bench.processes import Row, rss_mb
from tests.acceptance.overloading import Offer, Offering, counted, stored_spans
from tests.acceptance.sidecar import Sidecar

LIMIT_MB = 400
OVERLOAD_S = 60.0
SETTINGS = {
    "processors.memory_limiter.limit": f"{LIMIT_MB}MiB",
    "receivers.otlp.max_inflight_bytes": "64MiB",
    "receivers.otlp.protocols.grpc.max_request_bytes": "32MiB",
    "receivers.otlp.protocols.http.max_request_bytes": "32MiB",
    "store.retention.max_spans": 100_000_000,
    "store.retention.max_bytes": "30GiB",
}


def _missing(acknowledged: list[str], stored: dict[str, int], spans: int) -> int:
    return sum(spans - stored.get(prefix, 0) for prefix in acknowledged)


def _overload(sidecar: Sidecar, pid: int) -> list[Row]:
    calm: dict[str, Any] = Offering(Offer(sidecar.grpc_port, seconds=10, outstanding=8)).result()
    sustainable = calm["outcomes"]["OK"] / calm["seconds"]
    storm = Offering(
        Offer(sidecar.grpc_port, rate=4 * sustainable, seconds=OVERLOAD_S, connections=8, outstanding=512, seed=2)
    ).result()
    peak = rss_mb(pid, peak=True)
    start = time.perf_counter()
    after = Offering(Offer(sidecar.grpc_port, seconds=5, outstanding=8, seed=3)).result()
    recovered = after["outcomes"].get("OK", 0) / after["seconds"]
    stored = stored_spans(sidecar.data_dir)
    missing = sum(_missing(each["acknowledged"], stored, 512) for each in (calm, storm, after))
    return [
        Row("sustainable, closed loop", f"{sustainable * 512:,.0f} spans/s", "–"),
        Row(
            f"offered {storm['offered'] / storm['seconds'] / sustainable:.1f} × for {OVERLOAD_S:g} s",
            ", ".join(f"{name} {count}" for name, count in sorted(storm["outcomes"].items())),
            "OK and UNAVAILABLE only",
            set(storm["outcomes"]) <= {"OK", "UNAVAILABLE", "not sent"},
        ),
        Row("  peak RSS", f"{peak:.0f} MB", f"≤ {LIMIT_MB * 1.2:.0f} MB", peak <= LIMIT_MB * 1.2),
        Row("  acknowledged spans that are missing", f"{missing}", "0", missing == 0),
        Row(
            "  rate right afterwards",
            f"{recovered / sustainable:.2f} of the calm one, refused {after['outcomes'].get('UNAVAILABLE', 0)}, "
            f"asked {time.perf_counter() - start - after['seconds']:.1f} s later",
            "≥ 0.8",
            recovered >= 0.8 * sustainable,
        ),
    ]


def _large(sidecar: Sidecar, pid: int) -> list[Row]:
    offer = Offer(sidecar.grpc_port, 600, 33_000, seconds=20, connections=16, outstanding=16, timeout_s=60, seed=4)
    found = Offering(offer).result()
    peak = rss_mb(pid, peak=True)
    missing = _missing(found["acknowledged"], stored_spans(sidecar.data_dir), 600)
    return [
        Row(
            "20 MB requests from 16 connections, 20 s",
            ", ".join(f"{name} {count}" for name, count in sorted(found["outcomes"].items())),
            "OK and UNAVAILABLE only",
            set(found["outcomes"]) <= {"OK", "UNAVAILABLE"} and bool(found["acknowledged"]),
        ),
        Row("  peak RSS", f"{peak:.0f} MB", f"≤ {LIMIT_MB * 1.2:.0f} MB", peak <= LIMIT_MB * 1.2),
        Row("  acknowledged spans that are missing", f"{missing}", "0", missing == 0),
    ]


def rows() -> list[Row]:
    """Both kinds of overload on one sidecar, and its own accounts of them."""
    with tempfile.TemporaryDirectory() as directory:
        sidecar = Sidecar(Path(directory) / "data", SETTINGS)
        with sidecar:
            assert sidecar.process is not None
            pid = sidecar.process.pid
            measured = _overload(sidecar, pid) + _large(sidecar, pid)
            figures = counted(sidecar)
            stored = sum(stored_spans(sidecar.data_dir).values())
        accepted = figures["otelcol_receiver_accepted_spans_total"]
        final = next((line for line in sidecar.log_path.read_text().splitlines() if "reconciled" in line), "none")
    return [
        *measured,
        Row(
            "accepted by the metrics, stored in window.db", f"{accepted:,.0f}, {stored:,}", "equal", accepted == stored
        ),
        Row("final log line", final.strip(), "balanced"),
    ]
