"""Bytes on disk per OTLP byte received: the whole data directory, after merge, vacuum and checkpoint."""

import tempfile
from pathlib import Path

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from bench.corpus import Corpus, encoded
from bench.ingest import send_all
from bench.processes import Row
from tests.acceptance.replaying import read_lines, to_sdk_span
from tests.acceptance.sidecar import Sidecar, wait_until


def directory_bytes(path: Path) -> int:
    """Size of all files below a directory."""
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())


def measure(requests: list[tuple[bytes, int]], label: str, bar: float) -> Row:
    """Send, wait until the directory no longer shrinks, compare."""
    received = sum(len(body) for body, _ in requests)
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        with Sidecar(data, {"store.retention.max_age": "3650d"}) as sidecar:
            send_all(sidecar.grpc_port, requests)
            sizes = [directory_bytes(data)]

            def settled() -> bool:
                sizes.append(directory_bytes(data))
                return len(sizes) > 30 and sizes[-1] == sizes[-30]

            wait_until(settled, 240, 0.5)
    share = sizes[-1] / received
    text = f"{share:.2%} of {received / 1e6:.0f} MB (peak {max(sizes) / received:.1%})"
    return Row(f"disk, {label}", text, f"≤ {bar:.0%}", share <= bar)


def rows(trail: Path | None) -> list[Row]:
    """Real traces where they are at hand, then synthetic 2 KB spans."""
    out = []
    if trail is not None:
        spans = [to_sdk_span(line) for line in read_lines(trail)]
        requests = [
            (encode_spans(spans[at : at + 64]).SerializeToString(), len(spans[at : at + 64]))
            for at in range(0, len(spans), 64)
        ]
        out.append(measure(requests, "real research-agent traces", 0.05))
    return [*out, measure(encoded(Corpus(5, 2_000, 512), 60_000), "synthetic 2 KB spans", 0.20)]
