"""The limit of attributes: one absurd span or log record is rejected, and costs its neighbours nothing."""

import json

import pytest

from collector.otlp.attributes import limited
from collector.otlp.settings import HttpConfig
from collector.processing import Batch
from domain import otlp_json
from domain.otlp import ExportTraceServiceResponse, Span
from domain.signals import LOGS, METRICS, TRACES, Signal
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import JSON, export, post, receiver, traces_url


def span(attributes: int, name: str = "") -> Span:
    """A span with valid ids and a number of attributes."""
    made = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name=name)
    for _ in range(attributes):
        made.attributes.add()
    return made


def keyed(attributes: int, name: str = "") -> Span:
    """As `span`, with the keys that real attributes have."""
    made = span(attributes, name)
    for position, attribute in enumerate(made.attributes):
        attribute.key = f"k{position}"
    return made


def batch_of(signal: Signal, message: object) -> Batch:
    return Batch(signal, message.SerializeToString(), message)  # type: ignore[attr-defined]


def test_spans_with_too_many_attributes_are_taken_out_and_the_others_keep_their_bytes() -> None:
    """The bytes and the message must stay the same request: the window checks it."""
    spans = [keyed(10, "a"), keyed(11, "b"), keyed(0, "c"), keyed(12, "d")]

    left, rejected, reason = limited(batch_of(TRACES, request(*spans)), 10)

    assert left.request == request(spans[0], spans[2]).SerializeToString()
    assert left.message == request(spans[0], spans[2])
    assert rejected == 2
    assert reason == "a span has 11 attributes, at most 10 are taken; raise max_attributes"


def test_a_request_within_the_limit_is_the_same_object() -> None:
    """Nearly every request: nothing is copied or parsed again."""
    batch = batch_of(TRACES, request(keyed(10), keyed(10)))

    assert limited(batch, 10).batch is batch


@pytest.mark.parametrize("limit", [1, 20, 100, 3_000])
def test_looking_only_at_large_bodies_misses_nothing(limit: int) -> None:
    """The smallest attribute that has a key takes four bytes; a span over the limit is always looked at."""
    over = span(limit + 1)
    for attribute in over.attributes:
        attribute.key = "k"[: limit % 2 + 1]

    assert limited(batch_of(TRACES, request(over)), limit).rejected == 1


def test_log_records_have_the_limit_too_and_metrics_have_none() -> None:
    """A log record is kept like a span; a metric is only sent on."""
    logs = LOGS.request()
    records = logs.resource_logs.add().scope_logs.add().log_records
    for count in (1, 5):
        record = records.add()
        for _ in range(count):
            record.attributes.add(key="key")
    metrics = METRICS.request()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.gauge.data_points.add().attributes.extend(keyed(5).attributes)

    left, rejected, reason = limited(batch_of(LOGS, logs), 4)

    assert (LOGS.count(left.message), rejected) == (1, 1)
    assert reason.startswith("a log record has 5 attributes")
    assert limited(batch_of(METRICS, metrics), 4).rejected == 0


def test_the_default_is_what_no_honest_span_reaches() -> None:
    """SDKs stop at 128 by default."""
    assert HttpConfig().max_attributes == 10_000


@pytest.mark.parametrize("is_json", [False, True])
async def test_the_sender_hears_it_as_a_partial_success(is_json: bool) -> None:
    """Over HTTP, in both encodings; a span that is rejected for its ids is counted as well."""
    window = FakeWindow()
    good, absurd, nameless = keyed(3), keyed(10_001), Span()
    body = request(good, absurd, nameless)
    async with receiver(window) as running:
        if is_json:
            reply = await post(traces_url(running), json.dumps(otlp_json.to_json(body)).encode(), JSON)
            partial = json.loads(reply.body)["partialSuccess"]
            said = int(partial["rejectedSpans"]), partial["errorMessage"]
        else:
            reply = await post(traces_url(running), body.SerializeToString())
            success = ExportTraceServiceResponse.FromString(reply.body).partial_success
            said = success.rejected_spans, success.error_message

    assert reply.status == 200
    assert said == (2, "a span has 10001 attributes, at most 10000 are taken; raise max_attributes")
    assert window.spans == [good]


async def test_over_grpc_a_request_of_nothing_else_is_wholly_rejected() -> None:
    """There is nothing left to keep, and still no error: the sender must not try again."""
    window = FakeWindow()
    async with receiver(window) as running:
        answer = await export(running, request(keyed(10_001)).SerializeToString())

    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 1
    assert window.requests == []
