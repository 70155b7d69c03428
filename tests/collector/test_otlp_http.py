"""The HTTP side of the OTLP receiver: every status and body, over real sockets."""

import asyncio
import gzip
import io
import json
import zlib

import pytest
from google.rpc.status_pb2 import Status

from domain import otlp_json
from domain.errors import PermanentError, RetryableError
from domain.otlp import ExportTraceServiceResponse, Span
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import JSON, PROTOBUF, post, receiver, traces_url


async def test_protobuf_is_kept_as_it_came_and_answered_with_an_empty_body() -> None:
    """The specification wants `partial_success` unset on success, and the window wants the original bytes."""
    window = FakeWindow()
    body = request(count=3).SerializeToString()
    async with receiver(window) as running:
        reply = await post(traces_url(running), body)

    assert (reply.status, reply.media_type, reply.body) == (200, PROTOBUF, b"")
    assert window.requests == [body]


@pytest.mark.parametrize("media_type", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_json_becomes_the_same_spans(media_type: str) -> None:
    """Browsers and scripts send JSON; what is stored must not depend on it."""
    window = FakeWindow()
    sent = request(count=2)
    async with receiver(window) as running:
        reply = await post(traces_url(running), json.dumps(otlp_json.to_json(sent)).encode(), media_type)

    assert (reply.status, reply.media_type, reply.body) == (200, JSON, b"{}")
    assert window.requests == [sent.SerializeToString()]


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", bytes),
        ("", bytes),
        ("gzip", lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:])),
    ],
)
async def test_content_codings_are_undone(coding: str, pack: object) -> None:
    """Exporters compress by default in many set-ups, and proxies write the names as they like."""
    window = FakeWindow()
    body = request(count=20_000).SerializeToString()
    async with receiver(window) as running:
        reply = await post(traces_url(running), pack(body), Content_Encoding=coding)  # type: ignore[operator]

    assert reply.status == 200
    assert window.requests == [body]


async def test_chunked_bodies_are_read() -> None:
    """Every JavaScript exporter sends chunks and never a Content-Length."""
    window = FakeWindow()
    body = request(count=2_000).SerializeToString()

    async def chunks() -> object:
        for start in range(0, len(body), 1_000):
            yield body[start : start + 1_000]

    async with receiver(window) as running:
        reply = await post(traces_url(running), chunks())

    assert reply.status == 200
    assert window.requests == [body]


@pytest.mark.parametrize(("body", "media_type"), [(b"", PROTOBUF), (b"{}", JSON), (b"null", JSON)])
async def test_a_request_without_spans_is_fine_and_stores_nothing(body: bytes, media_type: str) -> None:
    """Exporters send empty requests at shutdown; an error would alarm their users for nothing."""
    window = FakeWindow()
    async with receiver(window) as running:
        reply = await post(traces_url(running), body, media_type)

    assert reply.status == 200
    assert window.requests == []


@pytest.mark.parametrize(
    ("body", "media_type", "coding"),
    [
        (b"\xff\xff\xff", PROTOBUF, ""),
        (b"{", JSON, ""),
        (b"", JSON, ""),
        (b"[]", JSON, ""),
        (b'{"resourceSpans": 3}', JSON, ""),
        (b"not gzip", PROTOBUF, "gzip"),
        (b"", PROTOBUF, "gzip"),
        (gzip.compress(b"x" * 100, mtime=0)[:-9], PROTOBUF, "gzip"),
        (b"x", PROTOBUF, "nosuch"),
        (gzip.compress(gzip.compress(b"", mtime=0), mtime=0), PROTOBUF, "gzip, gzip"),
        (b"", JSON, "gzip"),
    ],
)
async def test_what_cannot_be_decoded_is_a_bad_request(body: bytes, media_type: str, coding: str) -> None:
    """400 is never retried, so the sender does not repeat the hopeless; the Status says what was wrong."""
    window = FakeWindow()
    async with receiver(window) as running:
        reply = await post(traces_url(running), body, media_type, Content_Encoding=coding)

    assert (reply.status, reply.media_type) == (400, media_type)
    code, message = _said(reply.body, media_type)
    assert code == 3
    assert message and "\n" not in message
    assert window.requests == []


def _said(body: bytes, media_type: str) -> tuple[int, str]:
    if media_type == JSON:
        said = json.loads(body)
        return said["code"], said["message"]
    status = Status.FromString(body)
    return status.code, status.message


async def test_a_json_mistake_is_answered_with_its_path() -> None:
    """Who writes an exporter by hand needs to know which of a thousand fields was wrong."""
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "a"}, {"kind": True}]}]}]}
    async with receiver(FakeWindow()) as running:
        reply = await post(traces_url(running), json.dumps(document).encode(), JSON)

    assert "resourceSpans[0].scopeSpans[0].spans[1].kind" in json.loads(reply.body)["message"]


@pytest.mark.parametrize("media_type", [None, "invalid", "text/plain", "application/protobuf"])
async def test_another_media_type_is_refused_with_a_json_status(media_type: str | None) -> None:
    """The Collector answers plain text here, against the specification; JSON is the one safe choice."""
    async with receiver(FakeWindow()) as running:
        reply = await post(traces_url(running), b"", media_type)

    assert (reply.status, reply.media_type) == (415, JSON)
    assert "application/json" in json.loads(reply.body)["message"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "OPTIONS", "PUT"])
async def test_other_methods_are_told_to_post(method: str) -> None:
    """Someone opening the address in a browser should see what it is for."""
    async with receiver(FakeWindow()) as running:
        reply = await post(traces_url(running), b"", JSON, method=method)

    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert json.loads(reply.body)["code"]


async def test_other_paths_are_not_found_and_a_doubled_slash_is_forgiven() -> None:
    """A redirect would count as success in the Python exporter, and the spans would be lost."""
    window = FakeWindow()
    body = request().SerializeToString()
    async with receiver(window) as running:
        wrong = await post(f"http://{running.http_endpoint}/v1/trace", body)
        doubled = await post(f"http://{running.http_endpoint}//v1/traces", body)

    assert (wrong.status, wrong.media_type) == (404, PROTOBUF)
    assert "/v1/traces" in wrong.rpc_status().message
    assert doubled.status == 200
    assert len(window.requests) == 1


@pytest.mark.parametrize("coding", ["", "gzip"])
async def test_the_limit_is_exact_and_counts_what_was_unpacked(coding: str) -> None:
    """A limit that only counts compressed bytes protects nobody."""
    window = FakeWindow()
    body = request(count=4).SerializeToString()
    pack = gzip.compress if coding else bytes
    for limit, status in ((len(body), 200), (len(body) - 1, 413)):
        async with receiver(window, max_request_bytes=limit) as running:
            reply = await post(traces_url(running), pack(body), Content_Encoding=coding)

        assert reply.status == status
    assert reply.rpc_status().code == 8
    assert "max_request_bytes" in reply.rpc_status().message
    assert len(window.requests) == 1


async def test_a_bomb_is_refused() -> None:
    """A kilobyte that unpacks to gigabytes must not take the sidecar down."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with receiver(FakeWindow(), max_request_bytes="1MiB") as running:
        reply = await post(traces_url(running), bomb, Content_Encoding="gzip")

    assert reply.status == 413


async def test_a_body_announced_too_large_is_refused_and_the_sender_hears_it() -> None:
    """The answer must reach a sender that is still busy sending."""
    async with receiver(FakeWindow(), max_request_bytes="64KiB") as running:
        reply = await post(traces_url(running), io.BytesIO(b"x" * 5_000_000))

    assert reply.status == 413


async def test_bad_ids_cost_only_their_spans() -> None:
    """One broken span must not lose a batch of good ones."""
    window = FakeWindow()
    good = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    bad = Span(trace_id=b"\x01" * 15, span_id=b"\x02" * 8)
    async with receiver(window) as running:
        reply = await post(traces_url(running), request(good, bad, bad).SerializeToString())
        empty = json.dumps(otlp_json.to_json(request(good, Span()))).encode()
        as_json = await post(traces_url(running), empty, JSON)

    partial = ExportTraceServiceResponse.FromString(reply.body).partial_success
    assert (reply.status, partial.rejected_spans) == (200, 2)
    assert partial.error_message
    assert json.loads(as_json.body)["partialSuccess"]["rejectedSpans"] == "1"
    assert window.spans == [good, good]


async def test_a_retryable_failure_says_when_to_come_back() -> None:
    """503 with Retry-After is what every exporter understands as: keep it and try again."""
    window = FakeWindow()
    window.failure = RetryableError("the disk is full", retry_after_s=1.5)
    body = request()
    async with receiver(window) as running:
        reply = await post(traces_url(running), body.SerializeToString())
        as_json = await post(traces_url(running), json.dumps(otlp_json.to_json(body)).encode(), JSON)

    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert (reply.rpc_status().code, reply.rpc_status().message) == (14, "the disk is full")
    assert json.loads(as_json.body)["details"][0]["retryDelay"] == "1.5s"


async def test_a_failure_nobody_foresaw_is_retryable_and_keeps_its_text() -> None:
    """Unknown means again; but internal texts are not for the network."""
    window = FakeWindow()
    window.failure = ZeroDivisionError("secret detail")
    async with receiver(window) as running:
        reply = await post(traces_url(running), request().SerializeToString())

    assert reply.status == 503
    assert "Retry-After" not in reply.headers
    assert b"secret" not in reply.body


async def test_what_the_store_can_never_keep_is_an_internal_error() -> None:
    """As the Collector answers a permanent consumer error: not retried, and visibly not the sender's encoding."""
    window = FakeWindow()
    window.failure = PermanentError("no")
    async with receiver(window) as running:
        reply = await post(traces_url(running), request().SerializeToString())

    assert (reply.status, reply.rpc_status().code, reply.rpc_status().message) == (500, 13, "Permanent error: no")


async def test_expect_continue_is_answered() -> None:
    """curl waits for it before it sends more than a megabyte."""
    window = FakeWindow()
    body = request().SerializeToString()
    async with receiver(window) as running:
        assert running.http_endpoint is not None
        reader, writer = await asyncio.open_connection(*running.http_endpoint)
        head = f"POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Expect: 100-continue\r\n\r\n")
        first = await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        second = await reader.readuntil(b"\r\n")
        writer.close()
        await writer.wait_closed()

    assert b" 100 " in first
    assert b" 200 " in second


async def test_a_connection_that_breaks_off_stores_nothing_and_hurts_nobody() -> None:
    """Half a request is no request; the next one must find the server well and its account settled."""
    window = FakeWindow()
    async with receiver(window) as running:
        assert running.http_endpoint is not None
        _, writer = await asyncio.open_connection(*running.http_endpoint)
        writer.write(f"POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Type: {PROTOBUF}\r\n".encode())
        writer.write(b"Content-Length: 1000\r\n\r\nabc")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        reply = await post(traces_url(running), request().SerializeToString())

    assert reply.status == 200
    assert len(window.requests) == 1
