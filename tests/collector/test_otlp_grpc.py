"""The gRPC side of the OTLP receiver: every status, over real sockets."""

import asyncio

import grpc
import pytest

from domain.errors import PermanentError, RetryableError
from domain.otlp import ExportTraceServiceResponse, Span
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import METHOD, export, receiver, retry_delays, until


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_a_request_is_kept_as_it_came(compression: grpc.Compression) -> None:
    """The window's truth is the bytes, so they must not pass through a parser and back."""
    window = FakeWindow()
    body = request(count=5_000).SerializeToString()
    async with receiver(window) as running:
        answer = await export(running, body, compression=compression)

    assert answer == b""
    assert window.requests == [body]


async def test_an_empty_request_is_fine_and_stores_nothing() -> None:
    """Exporters send empty requests at shutdown."""
    window = FakeWindow()
    async with receiver(window) as running:
        answer = await export(running, b"")

    assert answer == b""
    assert window.requests == []


@pytest.mark.parametrize("body", [b"\xff\xff\xff", request().SerializeToString()[:-3]])
async def test_what_cannot_be_decoded_is_an_invalid_argument(body: bytes) -> None:
    """gRPC itself would say INTERNAL, as if the fault were here."""
    window = FakeWindow()
    async with receiver(window) as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, body)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "ExportTraceServiceRequest" in (refused.value.details() or "")
    assert window.requests == []


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_the_limit_counts_what_was_unpacked(compression: grpc.Compression) -> None:
    """The error names both sizes; without RetryInfo it is final, so a sender does not repeat it."""
    body = request(count=4_000).SerializeToString()
    async with receiver(FakeWindow(), max_request_bytes=len(body)) as running:
        await export(running, body, compression=compression)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, body + b"\x12\x00", compression=compression)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_delays(refused.value) == {}


async def test_bad_ids_cost_only_their_spans() -> None:
    """One broken span must not lose a batch of good ones."""
    window = FakeWindow()
    good = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    async with receiver(window) as running:
        answer = await export(running, request(good, Span(trace_id=b"", span_id=b"\x01" * 8)).SerializeToString())

    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 1
    assert window.spans == [good]


async def test_a_retryable_failure_says_when_to_come_back_in_both_places() -> None:
    """The standard place is the status details; the Python SDK reads only the other one."""
    window = FakeWindow()
    window.failure = RetryableError("the disk is full", retry_after_s=1.5)
    async with receiver(window) as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, request().SerializeToString())

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.value.details() == "the disk is full"
    assert retry_delays(refused.value) == {"grpc-status-details-bin": 1.5, "google.rpc.retryinfo-bin": 1.5}


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (RetryableError("busy"), grpc.StatusCode.UNAVAILABLE),
        (ZeroDivisionError("secret detail"), grpc.StatusCode.UNAVAILABLE),
        (PermanentError("no"), grpc.StatusCode.INTERNAL),
    ],
)
async def test_failures_are_never_unknown(failure: Exception, code: grpc.StatusCode) -> None:
    """UNKNOWN is what gRPC makes of an exception, and SDKs drop the batch at it."""
    window = FakeWindow()
    window.failure = failure
    async with receiver(window) as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, request().SerializeToString())

    assert refused.value.code() is code
    assert "secret" not in (refused.value.details() or "")


async def test_a_sender_that_gives_up_leaves_nothing_in_flight() -> None:
    """Abandoned requests must not fill the account of bytes in flight."""
    window = FakeWindow()
    window.gate.clear()
    async with (
        receiver(window) as running,
        grpc.aio.insecure_channel(str(running.grpc_endpoint)) as channel,
    ):
        call = channel.unary_unary(METHOD)(request().SerializeToString())
        await window.entered.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        window.gate.set()
        await export(running, request().SerializeToString())
        await until(lambda: running.inflight_bytes == 0)
