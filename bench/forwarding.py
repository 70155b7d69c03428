"""What a forwarder costs: ingest with one and without, alternating in one run, and how fast its target gets it all."""

import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from bench.corpus import Corpus, encoded
from bench.ingest import parse_only_server, send_all
from bench.processes import Row, cpu_s, rss_mb
from tests.acceptance.sidecar import Sidecar, wait_until

ROUNDS = 3


def queued_items(sidecar: Sidecar) -> float:
    """What the sidecar still owes."""
    with urllib.request.urlopen(f"http://127.0.0.1:{sidecar.health_port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("halo_forward_queued_items{"))


def one_round(
    requests: Sequence[tuple[bytes, int]], forwarders: dict[str, dict[str, object]]
) -> tuple[float, float, float, float]:
    """Seconds until all was acknowledged, and until all was sent on; CPU seconds and peak RSS of the sidecar."""
    settings = {"forwarders": forwarders} if forwarders else {}
    with tempfile.TemporaryDirectory() as directory, Sidecar(Path(directory) / "data", settings) as sidecar:
        assert sidecar.process is not None
        pid = sidecar.process.pid
        cpu, start = cpu_s(pid), time.perf_counter()
        acknowledged = send_all(sidecar.grpc_port, requests)
        wait_until(lambda: not queued_items(sidecar), 300, 0.05)
        return acknowledged, time.perf_counter() - start, cpu_s(pid) - cpu, rss_mb(pid, peak=True)


def measure(compression: str, spans: int = 80_000, span_bytes: int = 1_600) -> list[Row]:
    """The rows of one compression: medians of the rounds."""
    ratios, rates, sent_on, costs, peaks = [], [], [], [], []
    for number in range(ROUNDS):
        requests = encoded(Corpus(number, span_bytes, 512), spans)
        count = sum(each for _, each in requests)
        alone, _, cpu_alone, _ = one_round(requests, {})
        with parse_only_server() as (port, _):
            target: dict[str, object] = {"endpoint": f"http://127.0.0.1:{port}", "compression": compression}
            beside, drained, cpu, peak = one_round(requests, {"otlp_grpc": target})
        ratios.append(alone / beside)
        rates.append(count / beside)
        sent_on.append(count / drained)
        costs.append((cpu - cpu_alone) / count * 1e6)
        peaks.append(peak)
    middle = ROUNDS // 2
    ratio, rate, drain, cost, peak = (sorted(each)[middle] for each in (ratios, rates, sent_on, costs, peaks))
    return [
        Row(f"ingest with a gRPC forwarder, {compression}", f"{rate:,.0f} spans/s", "", None),
        Row("  ratio to ingest without", f"{ratio:.2f}", "", None),
        Row("  sent on, from the first request to the last", f"{drain:,.0f} spans/s", "", None),
        Row("  CPU of the sidecar more, a span", f"{cost:.1f} µs", "", None),
        Row("  RSS peak", f"{peak:.0f} MB", "≤ 200 MB", peak <= 200),
    ]


def rows() -> list[Row]:
    """Compressed, as it is by default, and not."""
    return measure("gzip") + measure("none")
