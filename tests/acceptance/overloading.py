"""More load than a sidecar can take, from a process of its own: what was offered, answered, refused and lost.

Run as a module it offers load and prints what became of it as JSON. The ids of a request share an eight-byte
prefix, so that what was acknowledged can be looked for afterwards without remembering every span.
"""

import asyncio
import json
import random
import sqlite3
import struct
import subprocess
import sys
import time
import urllib.request
from argparse import ArgumentParser, Namespace
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from domain.otlp import ExportTraceServiceRequest, KeyValue, any_value
from tests.acceptance.loading import EXPORT
from tests.acceptance.sidecar import Sidecar

PREFIX = b"\xc3PREFIX\xc3"
SPANS_PER_TRACE = 8


def template(spans: int, span_bytes: int, seed: int) -> bytes:
    """An encoded request whose trace and span ids all begin with `PREFIX`; every third span is an LLM call."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(3_000)]
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=any_value("overload")))
    scope = resource.scope_spans.add()
    now = time.time_ns()
    for number in range(spans):
        trace, place = divmod(number, SPANS_PER_TRACE)
        span = scope.spans.add(trace_id=PREFIX + struct.pack(">Q", trace + 1), span_id=struct.pack(">Q", number + 1))
        if place:
            span.parent_span_id = struct.pack(">Q", trace * SPANS_PER_TRACE + 1)
        span.name = "step"
        span.start_time_unix_nano, span.end_time_unix_nano = now, now + 1_000_000
        text = " ".join(chance.choices(words, k=max(1, (span_bytes - 120) // 6)))
        said: dict[str, Any] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"} if place % 3 == 1 else {}
        said["output.value"] = text
        span.attributes.extend(KeyValue(key=key, value=any_value(value)) for key, value in said.items())
    return request.SerializeToString()


@dataclass(frozen=True)
class Offer:
    """What one process offers: requests a second (0: as fast as answers come), over some connections."""

    port: int
    spans: int = 512
    span_bytes: int = 1_600
    rate: float = 0.0
    seconds: float = 5.0
    connections: int = 4
    outstanding: int = 64
    timeout_s: float = 10.0
    seed: int = 1


async def offer(wanted: Offer) -> dict[str, Any]:
    """Offer load until the time is over; a request that finds too many others without an answer is not sent."""
    body = template(wanted.spans, wanted.span_bytes, wanted.seed)
    chance = random.Random(f"{wanted.seed}/{time.time_ns()}")
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{wanted.port}", options) for _ in range(wanted.connections)]
    exports = [channel.unary_unary(EXPORT) for channel in channels]
    outcomes: Counter[str] = Counter()
    acknowledged: list[str] = []
    waits: list[float] = []
    pending: set[asyncio.Task[None]] = set()

    async def send(number: int) -> None:
        prefix = chance.randbytes(8)
        sent_s = time.perf_counter()
        try:
            await exports[number % len(exports)](body.replace(PREFIX, prefix), timeout=wanted.timeout_s)
            acknowledged.append(prefix.hex())
            outcomes["OK"] += 1
        except grpc.aio.AioRpcError as error:
            outcomes[error.code().name] += 1
            if wanted.rate == 0:
                await asyncio.sleep(0.05)
        waits.append(time.perf_counter() - sent_s)

    start, number = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < wanted.seconds:
        if wanted.rate and number > elapsed * wanted.rate:
            await asyncio.sleep(number / wanted.rate - elapsed)
            continue
        number += 1
        if len(pending) >= wanted.outstanding:
            if wanted.rate:
                outcomes["not sent"] += 1
                await asyncio.sleep(0)
            else:
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                number -= 1
            continue
        task = asyncio.create_task(send(number))
        pending.add(task)
        task.add_done_callback(pending.discard)
    took_s = time.perf_counter() - start
    while pending:
        await asyncio.wait(set(pending))
    for channel in channels:
        await channel.close()
    return {
        "offered": number,
        "outcomes": dict(outcomes),
        "acknowledged": acknowledged,
        "seconds": took_s,
        "slowest_s": max(waits, default=0.0),
    }


class Offering:
    """An offer in a process of its own; `result` waits for its end."""

    def __init__(self, wanted: Offer) -> None:
        words = [f"--{name}={value}" for name, value in vars(wanted).items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.overloading", *words], stdout=subprocess.PIPE
        )
        self._timeout_s = wanted.seconds + wanted.timeout_s + 60

    def result(self) -> dict[str, Any]:
        out, _ = self._process.communicate(timeout=self._timeout_s)
        found: dict[str, Any] = json.loads(out)
        return found


def stored_spans(data_dir: Path) -> dict[str, int]:
    """How many spans of each prefix window.db holds, read beside or after the sidecar."""
    connection = sqlite3.connect(f"file:{data_dir / 'window.db'}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT lower(hex(substr(trace_id, 1, 8))), sum(spans) FROM traces GROUP BY 1")
        return {prefix: int(spans) for prefix, spans in rows}
    finally:
        connection.close()


def metrics(text: str) -> dict[str, float]:
    """Prometheus text as sums by metric name."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name.partition("{")[0]] += float(value)
    return dict(found)


def counted(sidecar: Sidecar) -> dict[str, float]:
    """What a sidecar counted so far, by metric name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{sidecar.health_port}/metrics", timeout=30) as answer:
        return metrics(answer.read().decode())


def _wanted() -> Namespace:
    parser = ArgumentParser()
    for name, default in vars(Offer(port=0)).items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(offer(Offer(**vars(_wanted()))))))
