"""The HTTP listener as a server: slow and idle clients, too many of them, wrong addresses, other protocols."""

import asyncio
import re

import grpc
import pytest

from tests.collector.fakes import FakeWindow, request
from tests.collector.listening import listening, say
from tests.collector.serving import JSON, METHOD, PROTOBUF, post, traces_url, until

BODY = request().SerializeToString()
HEAD = f"POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Type: {PROTOBUF}\r\n".encode()
WHOLE = HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


@pytest.mark.parametrize("begin", [b"P", HEAD])
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_header_that_does_not_end_ends_the_connection(begin: bytes, is_first: bool) -> None:
    """One byte a minute on a thousand connections is all it takes to occupy a server that waits."""
    async with listening(FakeWindow(), http={"header_timeout": "20ms", "idle_timeout": "1h"}) as running:
        reader, writer = await asyncio.open_connection(*running.http_endpoint)
        if not is_first:
            writer.write(WHOLE)
            await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        rest = await reader.read()
        writer.close()

    assert rest == b""


@pytest.mark.parametrize("begin", [b"", WHOLE])
async def test_an_idle_connection_is_closed(begin: bytes) -> None:
    """Exporters that went away without a word would be kept for ever."""
    async with listening(FakeWindow(), http={"header_timeout": "1h", "idle_timeout": "20ms"}) as running:
        answer = await say(running.http_endpoint, begin)

    assert answer.count(b"HTTP/1.1 200") == begin.count(WHOLE)


async def test_time_limits_rest_while_a_request_is_served() -> None:
    """A store that takes its time is not the sender's fault."""
    window = FakeWindow()
    window.gate.clear()
    async with listening(window, http={"header_timeout": "1ms", "idle_timeout": "1ms"}) as running:
        waiting = asyncio.create_task(post(traces_url(running), BODY))
        await window.entered.wait()
        await asyncio.sleep(0.01)
        window.gate.set()
        reply = await waiting

    assert reply.status == 200


async def test_requests_sent_at_once_are_answered_in_order_on_one_connection() -> None:
    """Pipelining and keep-alive, chunked and not."""
    window = FakeWindow()
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
    async with listening(window, http={"idle_timeout": "50ms"}) as running:
        answer = await say(running.http_endpoint, WHOLE + chunked, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" + WHOLE)

    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"200", b"404", b"200"]
    assert window.requests == [BODY] * 3


async def test_a_body_that_breaks_off_stores_nothing() -> None:
    """Half a request is no request, also when its end is announced chunk by chunk."""
    window = FakeWindow()
    async with listening(window, http={}) as running:
        for start in (HEAD + b"Content-Length: 1000\r\n\r\nabc", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"):
            _, writer = await asyncio.open_connection(*running.http_endpoint)
            writer.write(start)
            await writer.drain()
            writer.close()
        reply = await post(traces_url(running), BODY)
        await until(lambda: running.inflight_bytes == 0)

    assert reply.status == 200
    assert window.requests == [BODY]


async def test_one_connection_too_many_is_told_to_come_back() -> None:
    """Each costs memory; the ones that are open keep working."""
    async with listening(FakeWindow(), http={"max_connections": 1}) as running:
        reader, writer = await asyncio.open_connection(*running.http_endpoint)
        writer.write(WHOLE)
        first = await reader.readline()
        refused = await say(running.http_endpoint, WHOLE)
        writer.write(WHOLE)
        rest = await reader.readuntil(b"HTTP/1.1 200")
        writer.close()

    assert first.startswith(b"HTTP/1.1 200")
    assert refused.startswith(b"HTTP/1.1 503") or refused == b""
    assert rest


async def test_headers_have_a_size_and_what_is_no_http_gets_a_status() -> None:
    """Every failure is a google.rpc.Status, the ones before the first line too."""
    async with listening(FakeWindow(), http={}) as running:
        large = await say(running.http_endpoint, b"POST /v1/traces HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n")
        garbage = await say(running.http_endpoint, b"\x16\x03\x01\x00\x05hello\r\n\r\n")
        after = await post(traces_url(running), BODY)

    for answer in (large, garbage):
        assert answer.startswith(b"HTTP/1.0 400")
        assert b'{"code": 3, "message": "malformed HTTP request:' in answer
    assert after.status == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Authorization: Bearer \xff\xfe", b"401"),
        (b"Authorization: Bearer t\r\nOrigin: https://\xff.a.com", b"200"),
        (b"Authorization: Bearer t\r\nContent-Encoding: \xff", b"400"),
        (b"Authorization: Bearer t\r\nExpect: something", b"200"),
        (
            b"Authorization: Bearer t\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA",
            b"200",
        ),
        (b"Authorization: Bearer t\r\nUpgrade: websocket\r\nConnection: Upgrade", b"200"),
    ],
)
async def test_odd_headers_are_no_failure_of_the_server(header: bytes, status: bytes) -> None:
    """Bytes that are no text, and offers of other protocols, which Java's client makes with its first request."""
    settings = {"auth": {"bearer": "t"}, "cors": {"allowed_origins": ["https://*.a.com"]}, "idle_timeout": "50ms"}
    async with listening(FakeWindow(), http=settings) as running:
        answer = await say(running.http_endpoint, WHOLE.replace(b"Host: h", b"Host: h\r\n" + header))

    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [status]


async def test_the_server_does_not_say_what_it_is_made_of() -> None:
    """Names and versions help only those who look for known holes."""
    async with listening(FakeWindow(), http={}) as running:
        servers = {(await post(traces_url(running), body)).headers["Server"] for body in (BODY, b"\xff")}

    assert servers == {"halo"}


async def test_grpc_at_the_http_port_is_told_the_grpc_port() -> None:
    """The two ports are mixed up more than anything else; the client's own error names the right one."""
    async with listening(FakeWindow(), grpc={}, http={}) as running:
        async with grpc.aio.insecure_channel(str(running.http_endpoint)) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as over_grpc:
                await channel.unary_unary(METHOD)(BODY, timeout=5)
        over_http = await post(traces_url(running), BODY, "application/grpc+proto")
        hint = f"this port takes OTLP over HTTP/1.1; send gRPC to {running.grpc_endpoint}"
    async with listening(FakeWindow(), http={}) as running:
        alone = await post(traces_url(running), BODY, "application/grpc")

    assert over_grpc.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert hint == over_grpc.value.details()
    assert over_http.status == 415
    assert hint in over_http.body.decode()
    assert "enable protocols.grpc to receive gRPC" in alone.body.decode()


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "/", "POST traces to /v1/traces"),
        ("POST", "/", "POST traces to /v1/traces"),
        ("POST", "/v1/trace", "POST traces to /v1/traces"),
        ("POST", "/v1/traces/v1/traces", "the exporter adds /v1/traces itself; set its endpoint without it"),
        ("POST", "/v1/logs/", "remove the slash at its end"),
    ],
)
async def test_a_wrong_path_is_told_the_right_one(method: str, path: str, said: str) -> None:
    """Exporters differ in whether they add the path; the answer ends the guessing."""
    async with listening(FakeWindow(), http={}) as running:
        reply = await post(f"http://{running.http_endpoint}{path}", b"{}", JSON, method)

    assert reply.status == 404
    assert b'"code": 12' in reply.body
    assert said in reply.body.decode()


async def test_after_the_stop_nothing_is_accepted_on_connections_that_are_open() -> None:
    """A keep-alive connection outlives the listener; what comes on it then must not be acknowledged."""
    window = FakeWindow()
    async with listening(window, http={}) as running:
        reader, writer = await asyncio.open_connection(*running.http_endpoint)
        writer.write(WHOLE)
        await reader.readuntil(b"\r\n\r\n")
    writer.write(WHOLE)
    try:
        late = await reader.read()
    except ConnectionResetError:
        late = b""
    writer.close()

    assert late == b""
    assert window.requests == [BODY]
