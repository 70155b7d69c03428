"""The gRPC listener as a server: health, pings, streams, metadata, codings that it cannot read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from collector.otlp.grpc_options import server_options
from collector.otlp.settings import GrpcConfig
from collector.receivers.otlp import OtlpReceiver
from tests.collector import raw_http2
from tests.collector.fakes import FakeWindow, request
from tests.collector.listening import listening
from tests.collector.serving import METHOD, export, until

TRACES = METHOD.split("/")[1]
Status = health_pb2.HealthCheckResponse


@asynccontextmanager
async def _health(running: OtlpReceiver) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(str(running.grpc_endpoint)) as channel:
        yield HealthStub(channel)


async def _check(stub: Any, service: str = "") -> int:
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


@pytest.mark.parametrize("service", ["", TRACES])
async def test_health_follows_the_readiness_of_the_store(service: str) -> None:
    """A pod must not get traffic before it can keep it."""
    ready = asyncio.Event()
    async with listening(FakeWindow(), ready, grpc={}) as running, _health(running) as stub:
        before = await _check(stub, service)
        ready.set()
        after = await _check(stub, service)

    assert (before, after) == (Status.NOT_SERVING, Status.SERVING)


async def test_health_of_an_unknown_service_is_not_found() -> None:
    """A misspelt probe must not look like a sick server."""
    async with listening(FakeWindow(), grpc={}) as running, _health(running) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _check(stub, "otlp")
        watched = await stub.Watch(health_pb2.HealthCheckRequest(service="otlp")).read()

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert watched.status == Status.SERVICE_UNKNOWN


async def test_who_watches_is_told_of_the_end_and_does_not_delay_it() -> None:
    """Balancers watch for ever; a stop that waited for them would always take the whole grace."""
    ready, seen = asyncio.Event(), []

    async def watch(stub: Any) -> None:
        async for each in stub.Watch(health_pb2.HealthCheckRequest()):
            seen.append(each.status)

    async with listening(FakeWindow(), ready, grpc={}) as running, _health(running) as stub:
        watching = asyncio.create_task(watch(stub))
        await until(lambda: seen == [Status.NOT_SERVING])
        ready.set()
        await until(lambda: seen == [Status.NOT_SERVING, Status.SERVING])
        await running.__aexit__(None, None, None)
        await watching

    assert seen == [Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]


async def test_a_garbled_health_request_is_not_found() -> None:
    """Never an exception: that would be UNKNOWN."""
    async with (
        listening(FakeWindow(), grpc={}) as running,
        grpc.aio.insecure_channel(str(running.grpc_endpoint)) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/grpc.health.v1.Health/Check")(b"\xff")

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_streams_beyond_the_limit_wait_for_their_turn() -> None:
    """The client queues them; none fails."""
    window = FakeWindow()
    window.gate.clear()
    body = request().SerializeToString()
    async with (
        listening(window, grpc={"max_concurrent_streams": 1}) as running,
        grpc.aio.insecure_channel(str(running.grpc_endpoint)) as channel,
    ):
        calls = [asyncio.ensure_future(channel.unary_unary(METHOD)(body)) for _ in range(3)]
        await until(lambda: running.inflight_bytes == len(body))
        window.gate.set()
        answers = await asyncio.gather(*calls)

    assert answers == [b""] * 3


async def test_metadata_is_bounded() -> None:
    """Headers are held before anybody is asked who sends them."""
    async with listening(FakeWindow(), grpc={}) as running:
        assert await export(running, b"", metadata=(("x", "y" * 8_000),)) == b""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, b"", metadata=(("x", "y" * 64_000),))
        assert await export(running, b"") == b""

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("coding", ["zstd", "snappy", "br"])
async def test_a_coding_that_grpc_cannot_read_is_refused_and_the_server_is_well(coding: str) -> None:
    """grpcio refuses it with INTERNAL, before the handler; nothing may be stored or left behind."""
    window = FakeWindow()
    headers = {"content-type": "application/grpc", "grpc-encoding": coding}
    async with listening(window, grpc={}) as running:
        endpoint: Any = running.grpc_endpoint
        status, _ = await raw_http2.call(*endpoint, METHOD, b"whatever", headers, True)
        after = await export(running, request().SerializeToString())

    assert status in (grpc.StatusCode.INTERNAL.value[0], grpc.StatusCode.UNIMPLEMENTED.value[0])
    assert (after, len(window.requests)) == (b"", 1)


async def test_frequent_pings_of_an_idle_exporter_are_put_up_with() -> None:
    """gRPC's own defaults disconnect a client that pings more than every two hours without a request."""
    options = dict(server_options(GrpcConfig(endpoint="127.0.0.1:0")))
    pinging = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_permit_without_calls", 1)]
    async with (
        listening(FakeWindow(), grpc={}) as running,
        grpc.aio.insecure_channel(str(running.grpc_endpoint), options=pinging) as channel,
    ):
        assert await channel.unary_unary(METHOD)(b"") == b""

    assert options["grpc.keepalive_permit_without_calls"] == 1
    assert options["grpc.http2.min_ping_interval_without_data_ms"] == 10_000


def test_keepalive_settings_have_the_collectors_names() -> None:
    """A Collector's section is pasted as it is."""
    config = GrpcConfig.model_validate(
        {
            "max_concurrent_streams": 16,
            "keepalive": {
                "server_parameters": {
                    "max_connection_idle": "11s",
                    "max_connection_age": "12s",
                    "max_connection_age_grace": "13s",
                    "time": "30s",
                    "timeout": "5s",
                },
                "enforcement_policy": {"min_time": "1s", "permit_without_stream": False},
            },
        }
    )
    options = dict(server_options(config))

    assert {name: options[f"grpc.{name}"] for name in ("max_concurrent_streams", "keepalive_permit_without_calls")} == {
        "max_concurrent_streams": 16,
        "keepalive_permit_without_calls": 0,
    }
    milliseconds = {name: value for name, value in options.items() if name.endswith("_ms")}
    assert milliseconds == {
        "grpc.max_connection_idle_ms": 11_000,
        "grpc.max_connection_age_ms": 12_000,
        "grpc.max_connection_age_grace_ms": 13_000,
        "grpc.keepalive_time_ms": 30_000,
        "grpc.keepalive_timeout_ms": 5_000,
        "grpc.http2.min_ping_interval_without_data_ms": 1_000,
        "grpc.server_handshake_timeout_ms": 20_000,
    }


async def test_one_connection_too_many_is_refused() -> None:
    """Each costs memory; the ones that are open keep working."""
    async with (
        listening(FakeWindow(), grpc={"max_connections": 1}) as running,
        grpc.aio.insecure_channel(str(running.grpc_endpoint)) as channel,
    ):
        assert await channel.unary_unary(METHOD)(b"") == b""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, b"")
        assert await channel.unary_unary(METHOD)(b"") == b""

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
