"""Ingest over gRPC into a real sidecar, beside a server that only parses, in the same run."""

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc

from bench.corpus import Corpus, encoded
from bench.processes import Row, cpu_s, rss_mb
from domain.otlp import ExportTraceServiceRequest, ExportTraceServiceResponse
from tests.acceptance.loading import EXPORT
from tests.acceptance.sidecar import Sidecar

CONNECTIONS = 4
SERVICE, METHOD = EXPORT.strip("/").split("/")


def serve_parse_only(port: "multiprocessing.connection.Connection") -> None:
    """A gRPC server that parses each request and forgets it: the baseline."""
    server = grpc.server(
        futures.ThreadPoolExecutor(CONNECTIONS), options=[("grpc.max_receive_message_length", 64 << 20)]
    )

    def export(request: bytes, _: grpc.ServicerContext) -> bytes:
        ExportTraceServiceRequest.FromString(request)
        return ExportTraceServiceResponse().SerializeToString()

    handler = grpc.method_handlers_generic_handler(SERVICE, {METHOD: grpc.unary_unary_rpc_method_handler(export)})
    server.add_generic_rpc_handlers((handler,))
    port.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


@contextmanager
def parse_only_server() -> Iterator[tuple[int, int]]:
    """(port, pid) of the baseline in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve_parse_only, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv(), process.pid or 0
    finally:
        process.terminate()
        process.join()


def send_all(port: int, requests: Sequence[tuple[bytes, int]]) -> float:
    """Seconds until every request was acknowledged, over several connections."""
    waiting = iter(requests)
    lock = threading.Lock()

    def client() -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", 64 << 20)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            export = channel.unary_unary(EXPORT)
            while True:
                with lock:
                    body = next(waiting, None)
                if body is None:
                    return
                export(body[0], timeout=60)

    threads = [threading.Thread(target=client) for _ in range(CONNECTIONS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def measure(span_bytes: int, spans: int, per_request: int, label: str, bar: float, rounds: int = 3) -> list[Row]:
    """The rows of one span size; rounds alternate with the baseline and the median counts."""
    rates, costs, ratios, peak, idle = [], [], [], 0.0, 0.0
    for round_number in range(rounds):
        requests = encoded(Corpus(round_number, span_bytes, per_request), spans)
        sent = sum(count for _, count in requests)
        size = sum(len(body) for body, _ in requests) / sent
        with parse_only_server() as (port, pid):
            send_all(port, requests[:4])
            base_seconds = send_all(port, requests)
        with tempfile.TemporaryDirectory() as directory, Sidecar(Path(directory) / "data") as sidecar:
            assert sidecar.process is not None
            pid = sidecar.process.pid
            idle = rss_mb(pid)
            cpu = cpu_s(pid)
            seconds = send_all(sidecar.grpc_port, requests)
            rates.append(sent / seconds)
            costs.append((cpu_s(pid) - cpu) / sent * 1e6)
            ratios.append(base_seconds / seconds)
            peak = max(peak, rss_mb(pid, peak=True))
    rates.sort(), costs.sort(), ratios.sort()
    middle = rounds // 2
    rate, cost, ratio = rates[middle], costs[middle], ratios[middle]
    return [
        Row(f"ingest, {label}, mean {size:,.0f} B a span", f"{rate:,.0f} spans/s", f"≥ {bar:,.0f}", rate >= bar),
        Row("  CPU of the sidecar a span", f"{cost:.1f} µs", "≤ 40 µs at 1.6 KB", cost <= 40 if bar > 10_000 else None),
        Row("  ratio to the parse-only server", f"{ratio:.2f}", "≥ 0.14", ratio >= 0.14 if bar > 10_000 else None),
        Row(
            "  RSS idle / peak under load",
            f"{idle:.0f} / {peak:.0f} MB",
            "≤ 80 / ≤ 200 MB",
            idle <= 80 >= 0 and peak <= 200,
        ),
    ]


def rows() -> list[Row]:
    """Small spans, then spans as large as real agent spans."""
    small = measure(1_600, 80_000, 512, "gRPC, 512-span batches, fsynced", 30_000)
    return small + measure(33_000, 6_000, 64, "gRPC, 64-span batches, fsynced", 3_000)
