"""The memory limiter: refuses above the soft limit, gives memory back, and admits again at once."""

from pathlib import Path

import grpc
import pytest

from collector.keeping import Keeper
from collector.memory import machine_limit_bytes
from collector.processors.memory_limiter import Config, MemoryLimiter
from collector.receivers.otlp import create
from domain.errors import RetryableError
from telemetry.process import resident_bytes
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import config, export, post, retry_delays, traces_url

MIB = 2**20


class Process:
    """A process whose memory and clock the test sets."""

    def __init__(self) -> None:
        self.resident = 0
        self.now_s = 0.0
        self.looks = 0

    def limiter(self, **settings: object) -> MemoryLimiter:
        wanted = Config.model_validate({"limit": "100MiB", **settings})
        return MemoryLimiter(wanted, "memory_limiter", resident=self.look, now_s=lambda: self.now_s)

    def look(self) -> int:
        self.looks += 1
        return self.resident


def _admits(limiter: MemoryLimiter) -> bool:
    try:
        limiter.admit()
    except RetryableError:
        return False
    return True


@pytest.mark.parametrize(("resident", "admits"), [(0, True), (80 * MIB - 1, True), (80 * MIB, False), (1 << 40, False)])
def test_requests_are_refused_from_the_soft_limit_on(resident: int, admits: bool) -> None:
    """A fifth of the limit is left for what is on its way already."""
    process = Process()
    process.resident = resident

    assert _admits(process.limiter()) is admits


def test_the_refusal_says_what_is_used_and_when_to_come_back() -> None:
    """A refusal without a delay would not be tried again over gRPC by every sender."""
    process = Process()
    process.resident = 90 * MIB + 5
    with pytest.raises(RetryableError, match="90MiB of 100MiB in use") as refused:
        process.limiter().admit()

    assert refused.value.retry_after_s == 1.0


def test_it_admits_again_as_soon_as_there_is_room() -> None:
    """Senders keep little and give up after ten seconds: every second of needless refusal loses spans."""
    process = Process()
    limiter = process.limiter(check_interval="100ms")
    process.resident = 90 * MIB
    assert not _admits(limiter)
    process.resident = 10 * MIB
    assert not _admits(limiter), "it looked a moment ago"
    process.now_s += 0.1

    assert _admits(limiter)


def test_a_look_counts_for_the_interval() -> None:
    """Thousands of requests a second must not read a file each."""
    process = Process()
    limiter = process.limiter(check_interval="1s")
    for _ in range(1_000):
        limiter.admit()

    assert process.looks == 1


@pytest.mark.parametrize(
    ("settings", "soft"),
    [({"spike_limit": "30MiB"}, 70 * MIB), ({"spike_limit_percentage": 50}, 50 * MIB), ({"spike_limit": "1GiB"}, 0)],
)
def test_the_spike_is_settable(settings: dict[str, object], soft: int) -> None:
    """How much is on its way depends on the size of the requests."""
    assert Process().limiter(**settings).soft_limit == soft


@pytest.mark.parametrize("name", ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"])
def test_the_limit_is_a_share_of_what_the_container_may_use(tmp_path: Path, name: str) -> None:
    """A pod of 512 MiB on a machine of 64 GiB is killed at 512 MiB."""
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text(f"{512 * MIB}\n")

    assert machine_limit_bytes(tmp_path) == 512 * MIB
    assert MemoryLimiter(Config(), "m", root=tmp_path).limit == int(512 * MIB * 0.8)


@pytest.mark.parametrize("said", ["max\n", "9223372036854771712\n", "nonsense"])
def test_without_a_limit_the_machine_counts(tmp_path: Path, said: str) -> None:
    """Version 2 says `max`, version 1 a very large number."""
    file = tmp_path / "sys/fs/cgroup/memory.max"
    file.parent.mkdir(parents=True)
    file.write_text(said)

    assert machine_limit_bytes(tmp_path) == machine_limit_bytes(tmp_path / "nowhere") > 256 * MIB


def test_resident_memory_is_that_of_this_process() -> None:
    """A look at the wrong figure would refuse everything, or never."""
    before = resident_bytes()
    held = bytearray(64 * MIB)
    held[::4096] = b"x" * len(held[::4096])

    assert 48 * MIB < resident_bytes() - before < 80 * MIB


async def test_a_full_process_refuses_before_it_receives_on_both_protocols() -> None:
    """What was received has cost its memory already."""
    process, window = Process(), FakeWindow()
    limiter = process.limiter(check_interval="0s")
    async with create(config(), keeper=Keeper(window, {"memory_limiter": limiter})) as running:
        process.resident = 95 * MIB
        reply = await post(traces_url(running), request().SerializeToString())
        malformed = await post(traces_url(running), b"\xff" * 100)
        with pytest.raises(grpc.aio.AioRpcError, match="high memory usage") as refused:
            await export(running, request().SerializeToString())
        process.resident = 0
        accepted = await post(traces_url(running), request().SerializeToString())

    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert malformed.status == 503, "not even looked at"
    assert set(retry_delays(refused.value)) == {"grpc-status-details-bin", "google.rpc.retryinfo-bin"}
    assert accepted.status == 200
    assert len(window.requests) == 1
