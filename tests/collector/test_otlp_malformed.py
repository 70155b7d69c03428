"""Bodies that cannot be taken as they are: what can be repaired is, and the rest is answered with what is wrong."""

import json

import grpc
import pytest
from google.rpc.status_pb2 import Status

from domain.otlp import Span
from domain.wire import as_varint
from telemetry.metrics import INVALID_REQUESTS, REPAIRED_STRINGS
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import JSON, PROTOBUF, export, post, receiver, traces_url


async def test_text_that_is_no_utf_8_is_repaired_over_both_protocols() -> None:
    """Senders that cut text at a byte count must not lose the batch; what is kept can be parsed by everyone."""
    window = FakeWindow()
    body = request(Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="CUT!")).SerializeToString()
    broken = body.replace(b"CUT!", b"caf\xc3")
    large = request(*[Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="CUT!" * 50)] * 2_000).SerializeToString()
    before = REPAIRED_STRINGS.labels("traces")._value.get()
    async with receiver(window) as running:
        reply = await post(traces_url(running), broken)
        await export(running, broken)
        beside = await post(traces_url(running), large.replace(b"CUT!", b"caf\xc3"))

    assert (reply.status, beside.status) == (200, 200)
    assert [span.name for span in window.spans[:2]] == ["caf\ufffd"] * 2
    assert {span.name for span in window.spans[2:]} == {"caf\ufffd" * 50}
    assert REPAIRED_STRINGS.labels("traces")._value.get() - before == 2_002


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
async def test_values_nested_too_deeply_are_a_bad_request_in_one_line(media_type: str) -> None:
    """Both encodings carry the same: one that took more would store what the other could not send on."""
    value = {"stringValue": "deep"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    span = {"attributes": [{"key": "k", "value": value}]}
    document = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    async with receiver(FakeWindow()) as running:
        reply = await post(traces_url(running), document if media_type == JSON else _nested(200), media_type)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await export(running, _nested(200))

    code, message = _said(reply.body, media_type)
    assert (reply.status, code) == (400, 3)
    assert "nested" in message and "\n" not in message
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "the values are nested more than 100 deep; send flatter ones"


def _nested(depth: int) -> bytes:
    """A request whose span has an attribute that is an array in an array, and so on."""
    data = b""
    for field in (1, 5) * depth + (2, 9, 2, 2, 1):
        data = bytes((field << 3 | 2,)) + as_varint(len(data)) + data
    return data


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xff\xff\xff", "truncated protobuf"),
        (b"\x0a\x05", "truncated protobuf"),
        (b"\x0f", "wire type 7 cannot stand here"),
        (b"\xff" * 12, "a varint is longer than ten bytes"),
    ],
)
async def test_a_body_that_is_no_protobuf_is_answered_with_what_is_wrong(body: bytes, said: str) -> None:
    """Who sends something else to this address should see what was expected."""
    async with receiver(FakeWindow()) as running:
        reply = await post(traces_url(running), body)

    assert reply.status == 400
    assert reply.rpc_status().message.startswith("the body is no ExportTraceServiceRequest: ")
    assert said in reply.rpc_status().message


def _said(body: bytes, media_type: str) -> tuple[int, str]:
    if media_type == JSON:
        said = json.loads(body)
        return said["code"], said["message"]
    status = Status.FromString(body)
    return status.code, status.message


async def test_mistakes_of_senders_are_counted_by_kind() -> None:
    """An operator who misses spans looks here first."""
    kinds = ("malformed", "coding", "too_large", "media_type", "path", "method")
    before = [INVALID_REQUESTS.labels("http", kind)._value.get() for kind in kinds]
    async with receiver(FakeWindow(), max_request_bytes="1KiB") as running:
        url = traces_url(running)
        await post(url, b"\xff")
        await post(url, b"\xff", Content_Encoding="gzip")
        await post(url, b"\0" * 2_000)
        await post(url, b"", "text/plain")
        await post(url + "/", b"")
        await post(url, b"", method="GET")

    after = [INVALID_REQUESTS.labels("http", kind)._value.get() for kind in kinds]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1] * len(kinds)
