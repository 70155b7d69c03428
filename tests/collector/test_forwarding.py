"""Forwarding: everything that is owed arrives or is counted, whatever the targets answer; none waits for another."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from collector.forwarding import Forwarding, bounds, targets
from collector.outgoing.circuit import retry_delay_s
from collector.outgoing.forwarder import OversizeError, Receipt
from collector.outgoing.settings import ForwarderConfig, RetryOnFailure
from domain.errors import PermanentError, RetryableError
from domain.otlp import ExportTraceServiceRequest, Span
from domain.signals import LOGS, METRICS, TRACES, Signal
from telemetry.metrics import REGISTRY
from tests.collector.fakes import request
from tests.store.fake_queue import FakeQueue

SECRET = "what the user said"


class FakeForwarder:
    """Takes requests after answering with what it was given first; larger ones than `most_bytes` never."""

    def __init__(self, *answers: Exception | Receipt, most_bytes: int = 2**30) -> None:
        self.answers = list(answers)
        self.most_bytes = most_bytes
        self.taken: list[tuple[str, bytes]] = []
        self.attempts = 0
        self.at_once = 0
        self.together: list[int] = []
        """How many attempts were under way when each began, itself included."""
        self.poison = b"\x00no such bytes\x00"
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self) -> "FakeForwarder":
        return self

    async def __aexit__(self, *raised: object) -> None:
        return None

    async def forward(self, signal: Signal, request: bytes) -> Receipt:
        self.attempts += 1
        self.at_once += 1
        self.together.append(self.at_once)
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
        finally:
            self.at_once -= 1
        answer = self.answers.pop(0) if self.answers else Receipt()
        if isinstance(answer, Exception):
            raise answer
        if len(request) > self.most_bytes:
            raise OversizeError("too large")
        if self.poison in request:
            raise PermanentError("bad bytes")
        self.taken.append((signal.name, request))
        return answer

    def span_ids(self) -> list[int]:
        messages = [ExportTraceServiceRequest.FromString(body) for _, body in self.taken]
        spans = [s for m in messages for rs in m.resource_spans for ss in rs.scope_spans for s in ss.spans]
        return [int.from_bytes(span.span_id, "big") for span in spans]


class Slept:
    """Sleeping that takes no time, and how long it would have been; the clock goes on by as much."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.now_s = 0.0

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)
        self.now_s += seconds


@asynccontextmanager
async def running(
    forwarders: dict[str, FakeForwarder], slept: Slept | None = None, queue: FakeQueue | None = None, **changed: Any
) -> AsyncIterator[tuple[FakeQueue, Forwarding]]:
    config = ForwarderConfig.model_validate({"sending_queue": {"drain_timeout": "0s"}, **changed})
    configs = dict.fromkeys(forwarders, config)
    queue = queue or FakeQueue(bounds(configs))
    slept = slept or Slept()
    clock: Callable[[], float] = lambda: slept.now_s  # noqa: E731
    async with Forwarding(configs, forwarders, queue, now=clock, chance=lambda: 0.5, pause=slept) as forwarding:
        yield queue, forwarding


def spans(*numbers: int, size: int = 0) -> bytes:
    made = [
        Span(trace_id=b"t" * 16, span_id=n.to_bytes(8, "big"), name=SECRET + "x" * size, start_time_unix_nano=1)
        for n in numbers
    ]
    return request(*made).SerializeToString()


async def until_empty(queue: FakeQueue, *names: str) -> None:
    async with asyncio.timeout(10):
        while any(queue.backlog(name).requests for name in names or queue.owed):  # noqa: ASYNC110
            await asyncio.sleep(0)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_what_is_owed_arrives_and_is_owed_no_more() -> None:
    """The whole purpose."""
    target = FakeForwarder()
    async with running({"a": target}) as (queue, forwarding):
        await queue.put("traces", spans(1, 2), 2, ["a"])
        await queue.put("logs", b"", 1, ["a"])
        await until_empty(queue)
        tally = forwarding.tally()["a"]

    assert target.taken == [("traces", spans(1, 2)), ("logs", b"")]
    assert (tally.queued, tally.forwarded, tally.dropped, tally.waiting) == (3, 3, {}, 0)


async def test_small_requests_travel_together_byte_for_byte() -> None:
    """A busy agent makes many small requests; the backend should not pay for each."""
    target = FakeForwarder()
    bodies = [spans(number) for number in range(1, 40)]
    queue = FakeQueue(bounds({"a": ForwarderConfig()}))
    for body in bodies:
        await queue.put("traces", body, 1, ["a"])
    async with running({"a": target}, queue=queue, max_request_bytes=1024):
        await until_empty(queue)

    assert b"".join(body for _, body in target.taken) == b"".join(bodies)
    assert 1 < len(target.taken) < len(bodies) / 2
    assert max(len(body) for _, body in target.taken) <= 1024


async def test_a_signal_that_only_a_newer_version_knows_is_dropped() -> None:
    """After a downgrade the queue goes on with what it understands."""
    target = FakeForwarder()
    async with running({"a": target}) as (queue, forwarding):
        await queue.put("dreams", b"x", 3, ["a"])
        await queue.put("traces", spans(1), 1, ["a"])
        await until_empty(queue)
        tally = forwarding.tally()["a"]

    assert (tally.forwarded, tally.dropped) == (1, {"unknown_signal": 3})


async def test_an_outage_and_its_end_are_logged() -> None:
    """Somebody reads the log to find out since when."""
    target = FakeForwarder(*[RetryableError("host: connection refused")] * 3)
    with capture_logs() as logs:
        async with running({"a": target}) as (queue, _):
            await queue.put("traces", spans(1), 1, ["a"])
            await until_empty(queue)

    assert [line["event"] for line in logs] == ["forward_failed_will_retry", "forward_recovered", "forwarding_ended"]
    assert logs[0]["said"] == "host: connection refused"
    assert logs[1]["failed_s"] == 4.8
    assert (logs[2]["forwarded"], logs[2]["waiting"]) == (1, 0)


async def test_profiles_are_never_joined() -> None:
    """Two dictionaries in one request would be one wrong dictionary."""
    target = FakeForwarder()
    queue = FakeQueue(bounds({"a": ForwarderConfig()}))
    for body in (b"", b"\x12\x00"):
        await queue.put("profiles", body, 1, ["a"])
    async with running({"a": target}, queue=queue):
        await until_empty(queue)

    assert sorted(target.taken) == [("profiles", b""), ("profiles", b"\x12\x00")]


async def test_a_failing_target_is_tried_later_and_later_and_not_before_it_asked() -> None:
    """Back-off by the Collector's rule, and Retry-After when that is longer."""
    slept = Slept()
    failures = [RetryableError("down")] * 3 + [RetryableError("busy", retry_after_s=60.0), RetryableError("down")]
    target = FakeForwarder(*failures)
    async with running({"a": target}, slept) as (queue, _):
        await queue.put("traces", spans(1), 1, ["a"])
        await until_empty(queue)

    assert slept.waits == [1.0, 1.5, 2.25, 60.0, pytest.approx(5.0625)]
    assert target.span_ids() == [1]


@pytest.mark.parametrize(
    ("failures", "asked_s", "chance", "expected"),
    [(0, None, 0.0, 0.5), (0, None, 1.0, 1.5), (3, None, 0.5, 3.375), (500, None, 0.5, 30.0), (0, 9e9, 0.5, 3600.0)],
)
def test_the_wait_grows_within_limits(failures: int, asked_s: float | None, chance: float, expected: float) -> None:
    """Many sidecars must not come back together, and none must stay away for good."""
    assert retry_delay_s(RetryOnFailure(), failures, asked_s, chance) == expected


async def test_while_a_target_fails_one_request_at_a_time_goes_there() -> None:
    """Four consumers that hammer a backend that starts up keep it from starting up."""
    target = FakeForwarder(*[RetryableError("down")] * 30)
    queue = FakeQueue(bounds({"a": ForwarderConfig()}))
    for number in range(8):
        await queue.put("traces", spans(number, size=600), 1, ["a"])
    async with running({"a": target}, queue=queue, max_request_bytes=1024):
        await until_empty(queue)

    assert sorted(target.span_ids()) == list(range(8))
    assert target.together[:4] == [1, 2, 3, 4]
    assert set(target.together[4:30]) == {1}


async def test_a_slow_target_delays_no_other() -> None:
    """The user's old backend must not hold up the new one."""
    slow, fast = FakeForwarder(), FakeForwarder()
    slow.gate.clear()
    async with running({"slow": slow, "fast": fast}) as (queue, forwarding):
        for number in range(20):
            await queue.put("traces", spans(number), 1, ["slow", "fast"])
        await until_empty(queue, "fast")
        tallies = forwarding.tally()

    assert sorted(fast.span_ids()) == list(range(20))
    assert slow.taken == []
    assert (tallies["slow"].waiting, tallies["fast"].waiting) == (20, 0)


async def test_one_bad_request_does_not_cost_those_that_travelled_with_it() -> None:
    """Joining is our idea; nobody else should pay for it."""
    target = FakeForwarder()
    target.poison = spans(3)
    queue = FakeQueue(bounds({"a": ForwarderConfig()}))
    for number in range(6):
        await queue.put("traces", spans(number), 1, ["a"])
    with capture_logs() as logs:
        async with running({"a": target}, queue=queue) as (_, forwarding):
            await until_empty(queue)
            tally = forwarding.tally()["a"]

    assert target.span_ids() == [0, 1, 2, 4, 5]
    assert tally.dropped == {"refused": 1}
    told = [(line["event"], line["said"]) for line in logs if line["log_level"] == "warning"]
    assert told == [("forward_dropped", "bad bytes")]
    assert SECRET not in str(logs)


async def test_what_is_too_large_goes_in_halves() -> None:
    """The limit of the far end is known to nobody but the far end."""
    target = FakeForwarder(most_bytes=300)
    async with running({"a": target}) as (queue, forwarding):
        await queue.put("traces", spans(*range(64)), 64, ["a"])
        await until_empty(queue)
        tally = forwarding.tally()["a"]

    assert sorted(target.span_ids()) == list(range(64))
    assert (tally.queued, tally.forwarded, tally.dropped) == (64, 64, {})


async def test_what_is_larger_than_the_limit_is_cut_before_it_is_sent() -> None:
    """A request that is sure to be refused need not cross the network first."""
    target = FakeForwarder(most_bytes=1024)
    async with running({"a": target}, max_request_bytes=1024) as (queue, _):
        await queue.put("traces", spans(*range(100)), 100, ["a"])
        await until_empty(queue)

    assert sorted(target.span_ids()) == list(range(100))
    assert target.attempts == len(target.taken)


async def test_a_single_item_that_is_too_large_is_dropped_and_counted() -> None:
    """It would block the queue for good; the others go on."""
    target = FakeForwarder(most_bytes=2_000)
    name = "otelcol_exporter_send_failed_spans_total"
    before = value(name, exporter="large")
    body = request(Span(span_id=b"\x00" * 7 + b"\x01", name="x" * 5_000), Span(span_id=b"\x00" * 7 + b"\x02"))
    async with running({"large": target}) as (queue, forwarding):
        await queue.put("traces", body.SerializeToString(), 2, ["large"])
        await until_empty(queue)
        tally = forwarding.tally()["large"]

    assert target.span_ids() == [2]
    assert tally.dropped == {"too_large": 1}
    assert value(name, exporter="large") == before + 1


async def test_a_partial_success_is_counted_and_not_sent_again() -> None:
    """The specification forbids it: the rest was taken."""
    target = FakeForwarder(Receipt(2, "no session id"))
    sent = "otelcol_exporter_sent_spans_total"
    before = value(sent, exporter="partial")
    with capture_logs() as logs:
        async with running({"partial": target}) as (queue, forwarding):
            await queue.put("traces", spans(1, 2, 3), 3, ["partial"])
            await until_empty(queue)
            tally = forwarding.tally()["partial"]

    assert target.attempts == 1
    assert (tally.forwarded, tally.dropped) == (1, {"rejected": 2})
    assert value(sent, exporter="partial") == before + 1
    told = [(line["event"], line["count"], line["said"]) for line in logs if line["log_level"] == "warning"]
    assert told == [("forward_partly_refused", 2, "no session id")]


async def test_the_same_complaint_is_logged_once_a_minute() -> None:
    """A backend that is down for a night must not fill the disk with its own name."""
    slept = Slept()
    target = FakeForwarder(*[RetryableError("down")] * 12)
    with capture_logs() as logs:
        async with running({"a": target}, slept) as (queue, _):
            await queue.put("traces", spans(1), 1, ["a"])
            await until_empty(queue)

    assert sum(slept.waits) > 120
    assert (
        2 <= len([line for line in logs if line["event"] == "forward_failed_will_retry"]) <= sum(slept.waits) / 60 + 1
    )


@pytest.mark.parametrize("retry", [{"enabled": False}, {"max_elapsed_time": "3s"}])
async def test_retries_end_where_the_user_wants_them_to(retry: dict[str, Any]) -> None:
    """By default they never do; the Collector's settings mean what they mean there."""
    target = FakeForwarder(*[RetryableError("down")] * 50)
    async with running({"a": target}, retry_on_failure=retry) as (queue, forwarding):
        await queue.put("traces", spans(1), 1, ["a"])
        await until_empty(queue)
        tally = forwarding.tally()["a"]

    assert tally.dropped == {"retries_exhausted": 1}
    assert target.attempts == (1 if "enabled" in retry else 4)


async def test_a_full_disk_stops_no_forwarding() -> None:
    """What was sent cannot be settled for a while; then it is, without being sent again."""
    target = FakeForwarder()
    async with running({"a": target}) as (queue, _):
        await queue.put("traces", spans(1), 1, ["a"])
        queue.failures = 9
        await until_empty(queue)

    assert target.span_ids() == [1]


async def test_a_stop_leaves_on_disk_what_the_target_does_not_take() -> None:
    """And the next start brings it there."""
    down, up = FakeForwarder(*[RetryableError("down")] * 10**5), FakeForwarder()
    queue = FakeQueue(bounds({"a": ForwarderConfig()}))
    async with running({"a": down}, queue=queue, sending_queue={"drain_timeout": "10s"}):
        await queue.put("traces", spans(1), 1, ["a"])
        async with asyncio.timeout(10):
            while not down.attempts:  # noqa: ASYNC110
                await asyncio.sleep(0)
    left = queue.backlog("a").items
    async with running({"a": up}, queue=queue):
        await until_empty(queue)

    assert left == 1
    assert up.span_ids() == [1]


async def test_a_stop_first_sends_what_the_target_takes() -> None:
    """A pod that goes takes its disk with it."""
    target = FakeForwarder()
    queue = FakeQueue(bounds({"a": ForwarderConfig()}))
    async with running({"a": target}, queue=queue, sending_queue={"drain_timeout": "10s"}, max_request_bytes=1024):
        for number in range(200):
            await queue.put("traces", spans(number), 1, ["a"])

    assert sorted(target.span_ids()) == list(range(200))


async def test_a_stop_does_not_wait_longer_than_it_may() -> None:
    """Kubernetes would not either."""
    target = FakeForwarder()
    target.gate.clear()
    async with running({"a": target}) as (queue, _):
        await queue.put("traces", spans(1), 1, ["a"])
        async with asyncio.timeout(10):
            while not target.attempts:  # noqa: ASYNC110
                await asyncio.sleep(0)

    assert queue.backlog("a").items == 1
    assert target.at_once == 0


def test_a_target_is_sent_the_signals_it_wants() -> None:
    """A tracing backend has no use for metrics."""
    configs = {"all": ForwarderConfig(), "some": ForwarderConfig(signals=["logs", "traces"])}

    assert {name: list(ids) for name, ids in targets(configs).items()} == {
        TRACES.name: ["all", "some"],
        LOGS.name: ["all", "some"],
        METRICS.name: ["all"],
        "profiles": ["all"],
    }


ANSWERS = st.lists(st.sampled_from(("down", "busy", "crash", "ok", "too large")), max_size=25)


@given(
    answers=ANSWERS,
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=12),
    limit=st.sampled_from((1_024, 3_000, 2**20)),
    refused=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_answered_exactly_what_was_sent_arrives(
    answers: Sequence[str], sizes: Sequence[int], limit: int, refused: int
) -> None:
    """At least once, everything; and nothing that was never sent."""
    meaning: dict[str, Exception | Receipt] = {
        "down": RetryableError("down"),
        "busy": RetryableError("busy", retry_after_s=3.0),
        "crash": RuntimeError("a fault of ours"),
        "ok": Receipt(),
        "too large": OversizeError("too large"),
    }
    target = FakeForwarder(*(meaning[each] for each in answers), most_bytes=400)

    async def forward_all() -> Counter[int]:
        sent: Counter[int] = Counter()
        async with running({"a": target}, max_request_bytes=limit) as (queue, forwarding):
            for position, size in enumerate(sizes):
                numbers = range(position * 100, position * 100 + size)
                queue.failures = refused if position == 0 else 0
                while True:
                    try:
                        await queue.put("traces", spans(*numbers), size, ["a"])
                        break
                    except RetryableError:
                        continue
                sent.update(numbers)
            await until_empty(queue)
            tally = forwarding.tally()["a"]
        assert tally.queued == tally.forwarded + sum(tally.dropped.values())
        lost = sent - Counter(target.span_ids())
        assert sum(lost.values()) == tally.dropped.get("too_large", 0)
        return sent

    sent = asyncio.run(forward_all())
    assert set(target.span_ids()) <= set(sent)
    if "too large" not in answers:
        assert Counter(target.span_ids()) == sent
