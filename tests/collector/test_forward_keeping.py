"""What a received request becomes before it is acknowledged, when it is also sent on."""

import pytest

from collector.keeping import Keeper
from collector.processing import Batch
from domain.errors import RetryableError
from domain.otlp import ExportTraceServiceRequest, Span
from domain.signals import LOGS, METRICS, TRACES
from telemetry.metrics import REGISTRY
from tests.collector.fakes import FakeWindow, request
from tests.store.fake_queue import LARGE, FakeQueue

UNKNOWN = b"\xfa\x7f\x05later"


def traces(*spans: Span) -> Batch:
    body = request(*spans).SerializeToString() + UNKNOWN
    return Batch(TRACES, body, ExportTraceServiceRequest.FromString(body))


def span(number: int, trace_id: bytes = b"t" * 16) -> Span:
    return Span(trace_id=trace_id, span_id=bytes([0, 0, 0, 0, 0, 0, 0, number]), name="s", start_time_unix_nano=1)


async def test_the_very_bytes_are_owed_to_the_targets_of_the_signal() -> None:
    """One `put` for all of them, and none for those that want other signals."""
    queue = FakeQueue({"a": LARGE, "b": LARGE, "c": LARGE})
    keeper = Keeper(FakeWindow(), queue=queue, targets={"traces": ["a", "b"], "logs": ["c"]})
    batch = traces(span(1), span(2))
    appended = await keeper.keep(batch)

    assert appended.accepted == 2
    assert [next(iter(queue.owed[name].values())).request for name in "ab"] == [batch.request] * 2
    assert queue.backlog("c").requests == 0


async def test_spans_that_the_window_refuses_go_no_further() -> None:
    """The sender was told that they are rejected; a backend that shows them would contradict us."""
    queue = FakeQueue({"a": LARGE})
    keeper = Keeper(FakeWindow(), queue=queue, targets={"traces": ["a"]})
    appended = await keeper.keep(traces(span(1), span(2, b"short"), span(3, bytes(16)), span(4)))
    [queued] = queue.owed["a"].values()
    kept = ExportTraceServiceRequest.FromString(queued.request)

    assert (appended.accepted, appended.rejected) == (2, 2)
    assert [each.span_id[-1] for each in kept.resource_spans[0].scope_spans[0].spans] == [1, 4]
    assert kept.resource_spans[0].resource == request().resource_spans[0].resource
    assert queued.items == 2
    assert UNKNOWN in queued.request


async def test_what_cannot_be_queued_is_not_acknowledged() -> None:
    """The sender still has it and comes again; the window knows its spans by then."""
    queue = FakeQueue({"a": LARGE})
    keeper = Keeper(FakeWindow(), queue=queue, targets={"traces": ["a"]})
    queue.failures = 1
    name, labels = "otelcol_exporter_enqueue_failed_spans_total", {"exporter": "a"}
    before = REGISTRY.get_sample_value(name, labels) or 0.0
    with pytest.raises(RetryableError):
        await keeper.keep(traces(span(1)))
    await keeper.keep(traces(span(1)))

    assert queue.backlog("a").items == 1
    assert REGISTRY.get_sample_value(name, labels) == before + 1


async def test_metrics_without_a_target_are_dropped_and_counted() -> None:
    """HALO has no use for them itself; refusing them would make clients repeat them."""
    queue = FakeQueue({"a": LARGE})
    keeper = Keeper(FakeWindow(), queue=queue, targets={"logs": ["a"], "metrics": []})
    gauge = {"gauge": {"data_points": [{"as_int": 1}, {"as_int": 2}]}}
    message = METRICS.request(resource_metrics=[{"scope_metrics": [{"metrics": [{"name": "m", **gauge}]}]}])
    name, labels = "halo_dropped_items_total", {"signal": "metrics", "reason": "no_forwarder"}
    before = REGISTRY.get_sample_value(name, labels) or 0.0
    metrics = await keeper.keep(Batch(METRICS, message.SerializeToString(), message))
    record = LOGS.request(resource_logs=[{"scope_logs": [{"log_records": [{"event_name": "e"}]}]}])
    logs = await keeper.keep(Batch(LOGS, record.SerializeToString(), record))

    assert (metrics.accepted, logs.accepted) == (2, 1)
    assert [queued.signal for queued in queue.owed["a"].values()] == ["logs"]
    assert REGISTRY.get_sample_value(name, labels) == before + 2
