"""Load for torture tests: small complete traces over raw gRPC, remembering what was acknowledged."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from domain.otlp import ExportTraceServiceRequest, KeyValue, any_value

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SPANS_PER_TRACE = 4


@dataclass(frozen=True)
class Traffic:
    """What one service sends: requests of some traces, each span with so many random bytes, and pauses between."""

    service: str
    traces: int = 3
    noise_bytes: int = 300
    pause_s: float = 0.02


def trace_request(traffic: Traffic, chance: random.Random) -> tuple[bytes, list[str]]:
    """An encoded request with complete traces of one service, and its span ids in hexadecimal."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=any_value(traffic.service)))
    scope = resource.scope_spans.add()
    scope.scope.name = "torture"
    ids = []
    now = time.time_ns()
    for _ in range(traffic.traces):
        trace_id, root = chance.randbytes(16), chance.randbytes(8)
        for position in range(SPANS_PER_TRACE):
            span = scope.spans.add(trace_id=trace_id, span_id=root if position == 0 else chance.randbytes(8))
            span.parent_span_id = b"" if position == 0 else root
            span.name = "run" if position == 0 else "call"
            span.start_time_unix_nano, span.end_time_unix_nano = now, now + 1_000_000 * (SPANS_PER_TRACE - position)
            kind = "AGENT" if position == 0 else "TOOL" if position % 2 else "LLM"
            said = {"openinference.span.kind": kind, "output.value": chance.randbytes(traffic.noise_bytes).hex()}
            if kind == "TOOL":
                said["tool.name"] = "lookup"
                if chance.random() < 0.5:
                    span.status.code, span.status.message = 2, "ValueError: no row 7"
            span.attributes.extend(KeyValue(key=key, value=any_value(value)) for key, value in said.items())
            ids.append(span.span_id.hex())
    return request.SerializeToString(), ids


class Load:
    """Threads that export until stopped; `acknowledged[service]` are the span ids of answered requests."""

    def __init__(self, port: int, traffic: Sequence[Traffic], seed: int) -> None:
        self.acknowledged: dict[str, list[str]] = {each.service: [] for each in traffic}
        self._port = port
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(each, random.Random(f"{seed}/{each.service}")), daemon=True)
            for each in traffic
        ]

    def start(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def _send(self, traffic: Traffic, chance: random.Random) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self._port}") as channel:
            export = channel.unary_unary(EXPORT)
            while not self._stop.is_set():
                body, ids = trace_request(traffic, chance)
                try:
                    export(body, timeout=10)
                    self.acknowledged[traffic.service] += ids
                except grpc.RpcError:
                    continue
                finally:
                    self._stop.wait(traffic.pause_s)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
