"""The outbox: at least once, never in each other's way, and over restarts."""

from datetime import timedelta

import pytest

from collector.delivery import DeliveryConfig, Outbox, retry_delay_s
from domain.errors import PermanentError, RetryableError
from telemetry.metrics import DELIVERIES
from tests.collector.fakes import NOON, FakeControl, FakeExporter
from tests.collector.serving import until


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self):  # type: ignore[no-untyped-def]
        return self.time


def outbox(store: FakeControl, clock: Clock | None = None, **exporters: FakeExporter) -> Outbox:
    """An outbox that looks only when a test says so."""
    config = DeliveryConfig(poll_interval=timedelta(hours=1), initial_backoff=timedelta(seconds=8))
    return Outbox(config, exporters, store, now=clock or Clock(), chance=lambda: 0.5)  # type: ignore[arg-type]


async def test_what_is_owed_is_delivered_once_and_settled() -> None:
    """With the report's text as the run's conversation holds it."""
    store, exporter = FakeControl(), FakeExporter()
    owed = store.owe("a")
    async with outbox(store, a=exporter):
        await until(lambda: store.owed[owed.id].status == "delivered")

    assert exporter.taken == [owed.id]
    assert exporter.markdown == ["# Report of run-1"]
    assert store.owed[owed.id].attempts == 1
    assert not exporter.is_open


async def test_what_fails_is_tried_again_later_and_later() -> None:
    """A webhook that is down for an hour must not be asked a thousand times, nor forgotten."""
    store, clock = FakeControl(), Clock()
    exporter = FakeExporter(RetryableError("down"), OSError("down too"), RetryableError("busy", retry_after_s=100))
    owed = store.owe("a")
    waits = []
    async with exporter:
        box = outbox(store, clock, a=exporter)
        while store.owed[owed.id].status == "pending":
            assert await box.deliver_due("a") == 1
            assert await box.deliver_due("a") == 0, "tried again before its time"
            waits.append((store.owed[owed.id].next_attempt_at - clock.time).total_seconds())
            clock.time = max(clock.time, store.owed[owed.id].next_attempt_at)

    assert waits[:3] == [6, 12, 100]
    assert store.owed[owed.id].status == "delivered"
    assert exporter.taken == [owed.id]


async def test_the_last_error_is_kept_in_one_line() -> None:
    """`halo run get` shows why a report has not arrived."""
    store = FakeControl()
    owed = store.owe("a")
    async with FakeExporter(RetryableError("down\n  for " + "x" * 500)) as exporter:
        await outbox(store, a=exporter).deliver_due("a")

    error = store.owed[owed.id].last_error
    assert error is not None
    assert error.startswith("down for x")
    assert len(error) == 300


@pytest.mark.parametrize("failure", [PermanentError("404"), RetryableError("down")])
async def test_what_cannot_succeed_is_dead(failure: Exception) -> None:
    """Permanent at once, retryable after the last attempt; others behind it go on."""
    store = FakeControl()
    owed, next_one = store.owe("a", "run-1"), store.owe("a", "run-2")
    store.owed[owed.id] = owed.model_copy(update={"attempts": 299 if isinstance(failure, RetryableError) else 0})
    before = DELIVERIES.labels("a", "dead")._value.get()
    async with FakeExporter(failure) as exporter:
        await outbox(store, a=exporter).deliver_due("a")

    assert store.owed[owed.id].status == "dead"
    assert store.owed[next_one.id].status == "delivered"
    assert DELIVERIES.labels("a", "dead")._value.get() == before + 1


async def test_a_report_that_is_gone_is_dead_and_not_retried() -> None:
    """Retention of the control data may take a report that was owed for too long."""
    store, exporter = FakeControl(), FakeExporter()
    owed = store.owe("a")
    store.reports.clear()
    async with exporter:
        await outbox(store, a=exporter).deliver_due("a")

    assert store.owed[owed.id].status == "dead"
    assert exporter.attempts == 0


async def test_one_exporter_never_delays_another() -> None:
    """A dead webhook must not keep reports from the disk."""
    store, stuck, quick = FakeControl(), FakeExporter(), FakeExporter()
    stuck.gate.clear()
    first, second = store.owe("stuck"), store.owe("quick")
    async with outbox(store, stuck=stuck, quick=quick):
        await stuck.attempted.wait()
        await until(lambda: store.owed[second.id].status == "delivered")
        assert store.owed[first.id].status == "pending"
        stuck.gate.set()

    assert store.owed[first.id].status == "delivered", "an attempt in progress ends before the outbox stops"


async def test_an_attempt_that_hangs_is_cut_off_and_made_again() -> None:
    """Exporters have their own time limits; this one is for those that forget."""
    store, exporter = FakeControl(), FakeExporter()
    exporter.gate.clear()
    owed = store.owe("a")
    config = DeliveryConfig(attempt_timeout=timedelta(milliseconds=1))
    async with exporter:
        await Outbox(config, {"a": exporter}, store, now=Clock()).deliver_due("a")  # type: ignore[arg-type]

    assert (store.owed[owed.id].status, store.owed[owed.id].attempts) == ("pending", 1)
    assert store.owed[owed.id].last_error == "the attempt took too long"


async def test_what_is_owed_survives_a_restart() -> None:
    """The outbox holds nothing itself, so a second one knows all; the id tells the destination it is the same."""
    store, clock = FakeControl(), Clock()
    owed = store.owe("a")
    async with FakeExporter(RetryableError("down")) as exporter:
        await outbox(store, clock, a=exporter).deliver_due("a")
    clock.time += timedelta(minutes=1)
    later = FakeControl(store.owed, reports=store.reports)
    async with FakeExporter() as exporter:
        await outbox(later, clock, a=exporter).deliver_due("a")

    assert exporter.taken == [owed.id]
    assert later.owed[owed.id].attempts == 2


async def test_a_store_that_fails_for_a_moment_stops_nothing() -> None:
    """A full disk passes; the task that looks after deliveries must outlive it."""
    store, exporter = FakeControl(), FakeExporter()
    owed = store.owe("a")
    store.failure = RetryableError("disk full")
    config = DeliveryConfig(poll_interval=timedelta(milliseconds=1))
    async with Outbox(config, {"a": exporter}, store, now=Clock()):  # type: ignore[arg-type]
        await until(lambda: store.failed > 2)
        store.failure = None
        await until(lambda: store.owed[owed.id].status == "delivered")

    assert exporter.taken == [owed.id]


async def test_a_report_is_not_sent_again_because_its_delivery_could_not_be_noted() -> None:
    """On a full disk a channel would be told the same thing every second."""

    class Full(FakeControl):
        refused = 0

        def settle_delivery(self, delivery_id: str, **said: object) -> None:
            if self.refused < 3:
                self.refused += 1
                raise RetryableError("disk full")
            super().settle_delivery(delivery_id, **said)  # type: ignore[arg-type]

    store, exporter = Full(), FakeExporter()
    owed = store.owe("a")
    config = DeliveryConfig(poll_interval=timedelta(milliseconds=1))
    async with Outbox(config, {"a": exporter}, store, now=Clock()):  # type: ignore[arg-type]
        await until(lambda: store.owed[owed.id].status == "delivered")

    assert (store.refused, exporter.attempts, exporter.taken) == (3, 1, [owed.id])
    assert store.owed[owed.id].attempts == 1


async def test_an_exporter_that_cannot_open_closes_those_before_it() -> None:
    """A start that fails leaves no session behind."""

    class Broken(FakeExporter):
        async def __aenter__(self) -> "Broken":
            raise OSError("no")

    first = FakeExporter()
    with pytest.raises(OSError, match="no"):
        await outbox(FakeControl(), first=first, broken=Broken()).__aenter__()

    assert not first.is_open


def test_waits_double_up_to_a_limit_and_vary_by_half() -> None:
    """By default a destination may be away for about a day before a report is given up."""
    config = DeliveryConfig()

    assert [retry_delay_s(config, n, None, 1.0) for n in range(8)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert retry_delay_s(config, 10**6, None, 0.0) == 150
    assert retry_delay_s(config, 0, 60, 0.0) == 60
    assert retry_delay_s(config, 0, 10**9, 0.0) == 3_600
    assert 12 <= sum(retry_delay_s(config, n, None, 0.0) for n in range(config.max_attempts - 1)) / 3_600 <= 24
