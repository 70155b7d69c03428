"""Authentication of both listeners: who may send is decided before anything of a request is read."""

import asyncio
import base64
import gzip
from typing import Any

import aiohttp
import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from collector.receivers.otlp import Config, OtlpReceiver
from domain.errors import ConfigError
from domain.settings import read_settings
from telemetry.metrics import REQUESTS
from tests.collector.fakes import FakeWindow, request
from tests.collector.listening import finished_spans, listening
from tests.collector.serving import JSON, export, post, traces_url

BEARER = {"bearer": ["first-token", "second-token"]}
BASIC = {"basic": {"agent": "pass:word", "ünïcode": "größe"}}


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("auth", "header", "is_let_in"),
    [
        (BEARER, "Bearer first-token", True),
        (BEARER, "bearer second-token", True),
        (BEARER, "Bearer third-token", False),
        (BEARER, "Bearer first-token2", False),
        (BEARER, "Bearer", False),
        (BEARER, "first-token", False),
        (BEARER, "Basic first-token", False),
        (BEARER, None, False),
        ({"bearer": "t", "bearer_scheme": "ApiKey"}, "ApiKey t", True),
        ({"bearer": "t", "bearer_scheme": "ApiKey"}, "Bearer t", False),
        ({"bearer": "t", "bearer_scheme": ""}, "t", True),
        ({"bearer": "t", "bearer_scheme": ""}, "x", False),
        (BASIC, _basic("agent:pass:word"), True),
        (BASIC, _basic("ünïcode:größe"), True),
        (BASIC, _basic("agent:wrong"), False),
        (BASIC, "Basic not base64", False),
        (BEARER | BASIC, _basic("agent:pass:word"), True),
        (BEARER | BASIC, "Bearer first-token", True),
    ],
)
async def test_both_protocols_let_in_who_has_credentials(
    auth: dict[str, Any], header: str | None, is_let_in: bool
) -> None:
    """One account for both ports: what the one refuses, the other must not take."""
    window, body = FakeWindow(), request().SerializeToString()
    async with listening(window, grpc={"auth": auth}, http={"auth": auth}) as running:
        reply = await post(traces_url(running), body, **({"Authorization": header} if header else {}))
        try:
            await export(running, body, metadata=(("authorization", header),) if header else ())
            code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as refused:
            code = refused.code()

    assert reply.status == (200 if is_let_in else 401)
    assert code is (grpc.StatusCode.OK if is_let_in else grpc.StatusCode.UNAUTHENTICATED)
    assert len(window.requests) == (2 if is_let_in else 0)


async def test_a_refusal_says_how_to_authenticate_in_the_encoding_of_the_request() -> None:
    """And never repeats what was sent, which may be the token of something else."""
    auth = BEARER | BASIC
    async with listening(FakeWindow(), grpc={"auth": auth}, http={"auth": auth}) as running:
        missing = await post(traces_url(running), b"")
        wrong = await post(traces_url(running), b"{}", JSON, Authorization="Bearer s3cret")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, b"", metadata=(("authorization", "Bearer s3cret"),))

    assert (missing.rpc_status().code, missing.media_type) == (16, "application/x-protobuf")
    assert "the authorization header is missing" in missing.rpc_status().message
    assert missing.headers["WWW-Authenticate"] == 'Bearer, Basic realm="halo", charset="UTF-8"'
    assert wrong.media_type == JSON
    assert b'"code": 16' in wrong.body
    assert "not valid" in (refused.value.details() or "")
    assert "s3cret" not in wrong.body.decode() + (refused.value.details() or "")


async def test_strangers_are_refused_before_their_message_is_received_and_counted() -> None:
    """Otherwise anybody could fill memory with bombs; the limit would say RESOURCE_EXHAUSTED or 413."""
    window, auth = FakeWindow(), {"auth": BEARER, "max_request_bytes": "1KiB"}
    counters = [REQUESTS.labels(transport, "unauthenticated") for transport in ("grpc", "http")]
    before = [counter._value.get() for counter in counters]
    bomb = gzip.compress(bytes(10_000_000))
    async with listening(window, grpc=auth, http=auth) as running:
        reply = await post(traces_url(running), bomb, Content_Encoding="gzip")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, bytes(10_000_000), compression=grpc.Compression.Gzip)
        assert running.inflight_bytes == 0

    assert reply.status == 401
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert [counter._value.get() for counter in counters] == [each + 1 for each in before]


async def test_whoever_waits_to_be_asked_for_the_body_is_not_asked() -> None:
    """With `Expect: 100-continue` a refused sender saves the upload."""
    async with listening(FakeWindow(), http={"auth": BEARER}) as running:
        reader, writer = await asyncio.open_connection(*running.http_endpoint)
        writer.write(b"POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        first = await reader.readline()
        writer.close()

    assert b" 401 " in first


async def test_probes_and_preflights_need_no_credentials() -> None:
    """Neither Kubernetes nor a browser's preflight can send any."""
    settings = {"auth": BEARER}
    cors = {"cors": {"allowed_origins": ["https://a.test"], "allowed_headers": ["Authorization"]}}
    question = {"Origin": "https://a.test", "Access_Control_Request_Method": "POST"}
    question["Access_Control_Request_Headers"] = "authorization,content-type"
    async with listening(FakeWindow(), grpc=settings, http=settings | cors) as running:
        preflight = await post(traces_url(running), None, None, "OPTIONS", **question)
        refused = await post(traces_url(running), b"", Origin="https://a.test")
        async with grpc.aio.insecure_channel(str(running.grpc_endpoint)) as channel:
            health = await channel.unary_unary("/grpc.health.v1.Health/Check")(b"")

    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://a.test")
    assert health == b"\x08\x01"


def _exporter(protocol: str, running: OtlpReceiver, token: str) -> SpanExporter:
    headers = {"authorization": f"Bearer {token}"}
    if protocol == "http":
        return HttpExporter(traces_url(running), headers=headers, timeout=30)
    return GrpcExporter(f"http://{running.grpc_endpoint}", headers=headers, timeout=30)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_stock_exporter_sends_its_token_as_a_header(protocol: str) -> None:
    """The exporters' only way; and a wrong token must be given up at once, not retried."""
    window = FakeWindow()
    outcomes = []
    async with listening(window, grpc={"auth": BEARER}, http={"auth": BEARER}) as running:
        for token in ("wrong", "first-token"):
            exporter = _exporter(protocol, running, token)
            outcomes.append(await asyncio.to_thread(exporter.export, finished_spans(3)))
            await asyncio.to_thread(exporter.shutdown)

    assert outcomes == [SpanExportResult.FAILURE, SpanExportResult.SUCCESS]
    assert len(window.spans) == 3


async def test_authentication_keeps_a_connection_usable() -> None:
    """A corrected token must work on the connection that was refused."""
    async with listening(FakeWindow(), http={"auth": BEARER}) as running, aiohttp.ClientSession() as session:
        statuses = []
        for token in ("wrong", "first-token"):
            headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON}
            async with session.post(traces_url(running), data=b"{}", headers=headers) as answer:
                statuses.append(answer.status)

    assert statuses == [401, 200]


@pytest.mark.parametrize(
    ("auth", "problem"),
    [
        ({}, "auth: needs bearer or basic; set one of them, or remove auth"),
        ({"bearer": []}, "auth: needs bearer or basic; set one of them, or remove auth"),
        ({"bearer": ""}, "auth.bearer: an empty secret would let everybody in; set it, or remove it"),
        ({"bearer": ["a", ""]}, "auth.bearer: an empty secret would let everybody in; set it, or remove it"),
        ({"basic": {"a": ""}}, "auth.basic: an empty secret would let everybody in; set it, or remove it"),
        ({"bearer": 1234}, "auth.bearer: a token is text; write it in quotes"),
        ({"basic": {"a:b": "c"}}, "auth: basic: a user name has no colon; choose another name"),
    ],
)
def test_credentials_that_guard_nothing_are_refused(auth: dict[str, Any], problem: str) -> None:
    """An unset environment variable must not open the door; and the message must not print the secret."""
    with pytest.raises(ConfigError) as mistake:
        read_settings(Config, "r", {"protocols": {"http": {"auth": auth}}})

    assert mistake.value.problems == (f"r.protocols.http.{problem}",)


def test_secrets_are_stars_when_printed() -> None:
    """Configurations are pasted into tickets."""
    config = read_settings(Config, "r", {"protocols": {"http": {"auth": BEARER | BASIC}}})

    for text in (repr(config), config.model_dump_json()):
        assert "first-token" not in text
        assert "pass:word" not in text
        assert "****" in text
