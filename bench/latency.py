"""How long an acknowledgement takes, open loop: requests leave on time, whatever the answers do."""

import asyncio
import tempfile
import time
from pathlib import Path

import grpc

from bench.corpus import Corpus, encoded
from bench.processes import Row
from tests.acceptance.loading import EXPORT
from tests.acceptance.sidecar import Sidecar

RATE_PER_S, SPANS, SECONDS = 100, 10, 60


async def open_loop(port: int, bodies: list[bytes], rate: float) -> list[float]:
    """Latencies in seconds, each measured from when the request was due."""
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary(EXPORT)
        await export(bodies[0])
        start = time.perf_counter()

        async def send(due: float, body: bytes) -> None:
            await export(body, timeout=60)
            latencies.append(time.perf_counter() - due)

        async with asyncio.TaskGroup() as tasks:
            for number, body in enumerate(bodies[1:]):
                due = start + number / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(send(due, body))
    return sorted(latencies)


def traffic(seed: int, seconds: int) -> list[bytes]:
    """Requests whose spans end about when they are sent, so that an analysis of "until now" has an end."""
    gap_ns = 2 * 1_000_000_000 // (RATE_PER_S * SPANS)
    corpus = Corpus(seed, 1_600, SPANS, clock_ns=time.time_ns(), gap_ns=gap_ns)
    return [body for body, _ in encoded(corpus, RATE_PER_S * seconds * SPANS)]


def quantile(values: list[float], share: float) -> float:
    """A quantile of sorted values, in milliseconds."""
    return values[min(len(values) - 1, int(len(values) * share))] * 1_000


def rows(seconds: int = SECONDS) -> list[Row]:
    """Alone, then with analyses running one after the other."""
    with tempfile.TemporaryDirectory() as directory, Sidecar(Path(directory) / "data") as sidecar:
        alone = asyncio.run(open_loop(sidecar.grpc_port, traffic(1, seconds), RATE_PER_S))
        agent = sidecar.items("/api/v1/agents")[0]["uuid"]
        busy, runs = asyncio.run(_with_runs(sidecar, agent, traffic(2, seconds)))
    p99, p99_busy = quantile(alone, 0.99), quantile(busy, 0.99)
    return [
        Row(
            f"ack p50 / p99, open loop {RATE_PER_S} × {SPANS} spans/s, {seconds} s",
            f"{quantile(alone, 0.5):.1f} / {p99:.1f} ms",
            "p99 ≤ 10 ms",
            p99 <= 10,
        ),
        Row(
            f"  the same with {runs} analyses running",
            f"{quantile(busy, 0.5):.1f} / {p99_busy:.1f} ms ({p99_busy / p99:.1f} ×)",
            "p99 ≤ 2 ×",
            p99_busy <= 2 * p99,
        ),
    ]


async def _with_runs(sidecar: Sidecar, agent: str, bodies: list[bytes]) -> tuple[list[float], int]:
    stop = asyncio.Event()
    done = 0

    async def keep_running() -> None:
        nonlocal done
        while not stop.is_set():
            await asyncio.to_thread(sidecar.run, agent)
            done += 1

    task = asyncio.create_task(keep_running())
    latencies = await open_loop(sidecar.grpc_port, bodies, RATE_PER_S)
    stop.set()
    await task
    return latencies, done
