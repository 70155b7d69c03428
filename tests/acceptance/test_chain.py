"""SDK → HALO → HALO → a third: with the second stopped for a while and the first killed, all that was sent arrives.

The second HALO's window shows its spans. Logs and metrics are read at a server behind it, to which it sends on.
"""

import contextlib
import random
import sqlite3
import urllib.request
from collections.abc import Iterator
from concurrent import futures
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from domain.otlp import plain
from domain.signals import LOGS, METRICS, SIGNALS, TRACES
from store.backends.sqlite import open_reader
from tests.acceptance.loading import Traffic, trace_request
from tests.acceptance.sidecar import Sidecar, free_ports, wait_until
from tests.acceptance.stock_sdk import Sent, send
from tests.acceptance.test_durability import post, small_disk  # noqa: F401 - a fixture

QUICK = {"initial_interval": "100ms", "max_interval": "300ms"}


class Third:
    """An OTLP/gRPC server that remembers what reached it, on a free port or a given one."""

    def __init__(self, port: int = 0) -> None:
        self.arrived = Sent(set(), set(), set())
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        for signal in SIGNALS:
            handler = grpc.unary_unary_rpc_method_handler(getattr(self, f"_{signal.name}"))
            methods = grpc.method_handlers_generic_handler(signal.service, {"Export": handler})
            self._server.add_generic_rpc_handlers((methods,))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _traces(self, request: bytes, _: Any) -> bytes:
        for resource in TRACES.request.FromString(request).resource_spans:
            for scope in resource.scope_spans:
                self.arrived.spans.update(span.span_id.hex() for span in scope.spans)
        return b""

    def _logs(self, request: bytes, _: Any) -> bytes:
        for resource in LOGS.request.FromString(request).resource_logs:
            for scope in resource.scope_logs:
                self.arrived.logs.update(str(plain(record.body)) for record in scope.log_records)
        return b""

    def _metrics(self, request: bytes, _: Any) -> bytes:
        for resource in METRICS.request.FromString(request).resource_metrics:
            for scope in resource.scope_metrics:
                self.arrived.metrics.update(metric.name for metric in scope.metrics)
        return b""

    def _profiles(self, request: bytes, _: Any) -> bytes:
        raise AssertionError("nobody sent a profile")


@pytest.fixture
def third() -> Iterator[Third]:
    server = Third()
    yield server
    server.stop()


def figures(sidecar: Sidecar, name: str) -> dict[str, float]:
    """A metric's values by labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{sidecar.health_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{")}


def is_drained(sidecar: Sidecar) -> bool:
    return set(figures(sidecar, "halo_forward_queued_items").values()) == {0.0}


def window_ids(data_dir: Path) -> list[str]:
    """The span ids in a window, read back from their bytes."""
    with closing(sqlite3.connect(f"file:{data_dir}/window.db?mode=ro", uri=True)) as window:
        keys = [row[0] for row in window.execute("SELECT id FROM traces")]
    with open_reader(data_dir) as reader:
        return [span.span_id for trace in reader.read(keys) for span in trace.spans]


@pytest.mark.parametrize("kind", ["otlp_grpc", "otlp_http"])
def test_what_the_sdk_sent_arrives_although_the_second_was_down_and_the_first_was_killed(
    kind: str, tmp_path: Path, third: Third
) -> None:
    """The promise for which a user takes the backend out of the direct path."""
    sent = Sent(set(), set(), set())
    second = Sidecar(tmp_path / "second", {"forwarders": {"otlp_grpc": {"endpoint": f"http://127.0.0.1:{third.port}"}}})
    port = second.grpc_port if kind == "otlp_grpc" else second.http_port
    forwarder = {"endpoint": f"http://127.0.0.1:{port}", "retry_on_failure": QUICK}
    first = Sidecar(tmp_path / "first", {"forwarders": {kind: forwarder}})
    over_grpc = {"grpc_url": first.grpc_endpoint}
    over_http = {"http_url": first.http_endpoint.removesuffix("/v1/traces")}

    with first:
        with second:
            send(sent, "together", **over_grpc)
            send(sent, "together over HTTP", **over_http)
        send(sent, "second stopped", **over_grpc)
        send(sent, "second stopped over HTTP", **over_http)
        assert not is_drained(first)
        first.kill()
        first.start()
        send(sent, "first killed", **over_http)
        with second:
            first.kill()
            first.start()
            send(sent, "both back", **over_grpc)
            wait_until(lambda: is_drained(first), 30)
            wait_until(lambda: is_drained(second), 30)
            dropped = figures(first, "halo_forward_dropped_items_total")

    assert len(sent.spans) == len(sent.logs) == len(sent.metrics) == 6 * 60
    arrived = window_ids(second.data_dir)
    assert len(arrived) == len(set(arrived)), "the window holds a span twice"
    assert set(arrived) == sent.spans
    assert third.arrived == sent
    assert dropped == {}


def test_on_a_full_disk_what_was_acknowledged_is_still_sent_on(small_disk: Path) -> None:  # noqa: F811
    """Sending on is what makes room: it must not need any itself."""
    (small_disk / "ballast").write_bytes(bytes(12 * 1024 * 1024))
    port, chance, acknowledged = free_ports(1)[0], random.Random(5), set[str]()
    forwarder = {"endpoint": f"http://127.0.0.1:{port}", "retry_on_failure": QUICK}
    with Sidecar(small_disk / "data", {"forwarders": {"otlp_grpc": forwarder}, "store.traces.quiet": "1h"}) as sidecar:
        status = 200
        while status == 200:
            body, ids = trace_request(Traffic("bulk", traces=100), chance)
            status = post(sidecar.http_endpoint, body)
            acknowledged.update(ids if status == 200 else [])
        with contextlib.suppress(OSError), (small_disk / "more").open("wb") as rest:
            while True:
                rest.write(bytes(64 * 1024))
        third = Third(port)
        try:
            wait_until(lambda: is_drained(sidecar), 30)
        finally:
            third.stop()

    assert status == 503
    assert len(acknowledged) > 1_000
    assert third.arrived.spans >= acknowledged
