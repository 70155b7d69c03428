"""The OTLP receiver as a whole: limits over both protocols, readiness, stopping, configuration."""

import asyncio
import gzip
import socket
from typing import Any

import grpc
import pytest

from collector.keeping import Keeper
from collector.receivers.otlp import Config, create
from domain.errors import ConfigError, RetryableError
from domain.settings import read_settings
from telemetry.metrics import ACCEPTED_SPANS, INFLIGHT_BYTES, REFUSED_SPANS, REQUESTS
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import config, export, post, receiver, retry_delays, traces_url, until


async def test_bytes_in_flight_are_bounded_over_both_protocols() -> None:
    """Two servers with a limit each would hold twice as much as the user allowed."""
    window = FakeWindow()
    window.gate.clear()
    body = request(count=20).SerializeToString()
    limits = {"max_request_bytes": len(body), "max_inflight_bytes": 2 * len(body)}
    async with receiver(window, **limits) as running:
        waiting = [asyncio.create_task(post(traces_url(running), body)), asyncio.create_task(export(running, body))]
        await until(lambda: running.inflight_bytes == 2 * len(body))
        over_http = await post(traces_url(running), body)
        with pytest.raises(grpc.aio.AioRpcError) as over_grpc:
            await export(running, body)
        gauge = INFLIGHT_BYTES._value.get()
        window.gate.set()
        await asyncio.gather(*waiting)
        afterwards = await post(traces_url(running), body)

    assert (over_http.status, over_http.headers["Retry-After"]) == (503, "1")
    assert "max_inflight_bytes" in over_http.rpc_status().message
    assert over_grpc.value.code() is grpc.StatusCode.UNAVAILABLE
    assert set(retry_delays(over_grpc.value).values()) == {1.0}
    assert gauge == 2 * len(body)
    assert afterwards.status == 200
    assert (running.inflight_bytes, INFLIGHT_BYTES._value.get()) == (0, 0)
    assert len(window.requests) == 3


async def test_a_compressed_request_of_the_largest_size_fits_into_the_smallest_account() -> None:
    """It is held compressed and unpacked at once, and must not be refused for ever."""
    window = FakeWindow()
    body = request(count=3_000).SerializeToString()
    packed = gzip.compress(body, 0)
    async with receiver(window, max_request_bytes=len(packed), max_inflight_bytes=2 * len(packed)) as running:
        reply = await post(traces_url(running), packed, Content_Encoding="gzip")

    assert len(packed) > len(body)
    assert reply.status == 200
    assert window.requests == [body]


async def test_requests_wait_for_the_store_and_are_kept_when_it_is_ready() -> None:
    """An agent starts with its sidecar; its first spans come before the store is open."""
    window, ready = FakeWindow(), asyncio.Event()
    body = request().SerializeToString()
    async with receiver(window, ready, ready_timeout="1h") as running:
        waiting = [asyncio.create_task(post(traces_url(running), body)), asyncio.create_task(export(running, body))]
        await until(lambda: running.inflight_bytes == 2 * len(body))
        assert window.requests == []
        ready.set()
        reply, answer = await asyncio.gather(*waiting)

    assert (reply.status, answer) == (200, b"")
    assert len(window.requests) == 2


async def test_a_store_that_does_not_become_ready_is_a_reason_to_come_back() -> None:
    """Held for ever, a sender would time out and never learn when to retry."""
    window, body = FakeWindow(), request().SerializeToString()
    async with receiver(window, asyncio.Event(), ready_timeout=0) as running:
        reply = await post(traces_url(running), body)
        hopeless = await post(traces_url(running), b"\xff")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await export(running, body)

    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert hopeless.status == 400
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert set(retry_delays(refused.value)) == {"grpc-status-details-bin", "google.rpc.retryinfo-bin"}
    assert window.requests == []


async def test_stopping_finishes_what_is_in_flight_and_accepts_no_more() -> None:
    """A request is either answered and stored, or not answered; never one without the other."""
    window = FakeWindow()
    window.gate.clear()
    body = request().SerializeToString()
    running = await create(config(), keeper=Keeper(window)).__aenter__()
    waiting = [asyncio.create_task(post(traces_url(running), body)), asyncio.create_task(export(running, body))]
    await until(lambda: running.inflight_bytes == 2 * len(body))
    stopping = asyncio.create_task(running.__aexit__(None, None, None))
    await until(lambda: not _is_listening(running.http_endpoint) and not _is_listening(running.grpc_endpoint))
    assert not stopping.done()
    window.gate.set()
    reply, answer = await asyncio.gather(*waiting)
    await stopping

    assert (reply.status, answer) == (200, b"")
    assert len(window.requests) == 2


def _is_listening(endpoint: Any) -> bool:
    """Asked by binding, not by connecting: a connection would itself be in flight."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(tuple(endpoint))
        except OSError:
            return True
    return False


async def test_stopping_does_not_wait_longer_than_the_grace() -> None:
    """Kubernetes kills what does not stop; a hanging request must not take the store's clean end with it."""
    window = FakeWindow()
    window.gate.clear()
    async with receiver(window, stop_grace=0) as running:
        body = request().SerializeToString()
        waiting = [asyncio.create_task(post(traces_url(running), body)), asyncio.create_task(export(running, body))]
        await until(lambda: running.inflight_bytes == 2 * len(body))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert window.requests == []


async def test_every_outcome_is_counted() -> None:
    """Operators compare accepted and refused spans with what their agents say they sent."""
    window = FakeWindow()
    before = {transport: _counts(transport) for transport in ("grpc", "http")}
    async with receiver(window) as running:
        for send in (_over_http, _over_grpc):
            await send(running, request(count=3).SerializeToString())
            await send(running, request(count=2, trace_id=b"short").SerializeToString())
            await send(running, b"\xff")
            window.failure = RetryableError("full")
            await send(running, request(count=5).SerializeToString())
            window.failure = None

    for transport, counts in before.items():
        after = _counts(transport)
        grown = {name: after[name] - counts[name] for name in counts}
        assert grown == {"accepted": 3, "refused": 7, "success": 1, "partial": 1, "invalid": 1, "refusals": 1}


def _counts(transport: str) -> dict[str, float]:
    outcomes = {"success": "success", "partial": "partial", "invalid": "invalid", "refusals": "refused"}
    return {
        "accepted": ACCEPTED_SPANS.labels("otlp", transport)._value.get(),
        "refused": REFUSED_SPANS.labels("otlp", transport)._value.get(),
        **{name: REQUESTS.labels(transport, label)._value.get() for name, label in outcomes.items()},
    }


async def _over_http(running: Any, body: bytes) -> None:
    await post(traces_url(running), body)


async def _over_grpc(running: Any, body: bytes) -> None:
    try:
        await export(running, body)
    except grpc.aio.AioRpcError as error:
        assert error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE)


async def test_taken_ports_are_named_and_nothing_keeps_running() -> None:
    """The usual cause is another collector; the message must say which port, and half a receiver must not stay."""
    with socket.socket() as taken, socket.socket() as free:
        for each in (taken, free):
            each.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        both = {"endpoint": f"127.0.0.1:{port}"}
        other = free.getsockname()[1]
        free.close()
        with pytest.raises(ConfigError) as one_line_each:
            await create(_config(grpc=both, http=both), keeper=Keeper(FakeWindow())).__aenter__()
        with pytest.raises(ConfigError) as only_http:
            await create(
                _config(grpc={"endpoint": f"127.0.0.1:{other}"}, http=both), keeper=Keeper(FakeWindow())
            ).__aenter__()
        assert not _is_listening(("127.0.0.1", other))

    assert one_line_each.value.problems == tuple(
        f"protocols.{protocol}.endpoint: 127.0.0.1:{port} is in use; "
        "stop the program that listens there or choose another port"
        for protocol in ("grpc", "http")
    )
    assert only_http.value.problems == one_line_each.value.problems[1:]


def _config(**protocols: Any) -> Config:
    return Config.model_validate({"protocols": protocols})


async def test_only_listed_protocols_are_served() -> None:
    """As in the Collector, listing one protocol enables that one alone."""
    async with create(_config(http={"endpoint": "127.0.0.1:0"}), keeper=Keeper(FakeWindow())) as running:
        assert running.grpc_endpoint is None
        assert running.http_endpoint is not None
        assert running.http_endpoint.port > 0


async def test_ipv6_and_names_of_this_machine_can_be_listened_on() -> None:
    """Clusters with IPv6 only exist, and people write localhost."""
    for endpoint in ("localhost:0", "[::1]:0"):
        if endpoint.startswith("[") and not _has_ipv6():
            continue
        server = {"endpoint": endpoint}
        async with create(_config(grpc=server, http=server), keeper=Keeper(FakeWindow())) as running:
            assert (await post(traces_url(running), request().SerializeToString())).status == 200
            assert await export(running, request().SerializeToString()) == b""


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("raw", "endpoints"),
    [
        ({"protocols": {"grpc": None, "http": None}}, ("127.0.0.1:4317", "127.0.0.1:4318")),
        ({"protocols": {"grpc": {}, "http": {}}}, ("127.0.0.1:4317", "127.0.0.1:4318")),
        ({"protocols": {"grpc": None}}, ("127.0.0.1:4317", None)),
        ({"protocols": {"http": {"insecure": True, "endpoint": "0.0.0.0:1"}}}, (None, "0.0.0.0:1")),
    ],
)
def test_a_protocol_without_settings_has_the_collectors_defaults(raw: dict[str, Any], endpoints: Any) -> None:
    """Configurations written for the Collector mean the same here; loopback unless asked otherwise."""
    protocols = read_settings(Config, "receivers.otlp", raw).protocols

    assert (protocols.grpc and protocols.grpc.endpoint, protocols.http and protocols.http.endpoint) == endpoints


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (None, "receivers.otlp.protocols: must specify at least one protocol when using the OTLP receiver"),
        ({"protocols": {}}, "receivers.otlp.protocols: must specify at least one protocol"),
        ({"protocols": {"htttp": None}}, "receivers.otlp.protocols.htttp: unknown setting; did you mean http?"),
        ({"protocols": {"thrift": {}}}, "receivers.otlp.protocols.thrift: unknown setting; use one of: grpc, http"),
        (
            {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}}},
            "receivers.otlp.protocols.grpc.endpoint: 0.0.0.0:4317 can be reached from other machines",
        ),
        (
            {"protocols": {"grpc": {"endpoint": "4317"}}},
            "receivers.otlp.protocols.grpc.endpoint: '4317' is no endpoint",
        ),
        (
            {"protocols": {"http": None}, "max_inflight_bytes": "1MiB"},
            "receivers.otlp.max_inflight_bytes: 1MiB is less than twice max_request_bytes; set it to 128MiB or more",
        ),
        (
            {"protocols": {"http": {"max_request_bytes": "1GiB"}}},
            "receivers.otlp.max_inflight_bytes: 256MiB is less than twice max_request_bytes; set it to 2GiB or more",
        ),
    ],
)
def test_a_mistake_names_its_path_and_the_fix(raw: Any, problem: str) -> None:
    """The person at the other end has a YAML file open and wants to know which line."""
    with pytest.raises(ConfigError) as mistake:
        read_settings(Config, "receivers.otlp", raw)

    assert len(mistake.value.problems) == 1
    assert mistake.value.problems[0].startswith(problem)
