"""What every forwarder does with a request, and what it makes of the answers, against real servers on loopback."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode as Code

from collector.forwarders import otlp_http
from collector.forwarders.otlp_grpc import GrpcForwarder
from collector.outgoing import http, otlp_grpc
from collector.outgoing.forwarder import Forwarder, OversizeError, Receipt
from collector.pipeline import FORWARDERS, configure, forwarders
from domain.errors import ConfigError, PermanentError, RetryableError
from domain.signals import LOGS, METRICS, PROFILES, SIGNALS, TRACES, Signal
from tests.acceptance.sidecar import free_ports
from tests.collector.far_end import (
    PARTLY,
    REFUSED,
    RETRY_AFTER_S,
    SAID,
    SILENT,
    THROTTLED,
    TOO_LARGE,
    FarEnd,
    certificates,
    grpc_end,
    http_end,
    unpacked,
)

TYPES = ("otlp_grpc", "otlp_http")
UNKNOWN = b"\xfa\x7f\x05later"  # field 2047: from a version of OTLP that is not written yet
REQUESTS = {
    TRACES: TRACES.request(resource_spans=[{"scope_spans": [{"spans": [{"name": "work"}]}]}]).SerializeToString(),
    LOGS: LOGS.request(resource_logs=[{"scope_logs": [{"log_records": [{"event_name": "e"}]}]}]).SerializeToString(),
    METRICS: METRICS.request(resource_metrics=[{"scope_metrics": [{"metrics": [{"name": "m"}]}]}]).SerializeToString(),
    PROFILES: PROFILES.request(resource_profiles=[{"scope_profiles": [{"profiles": [{}]}]}]).SerializeToString(),
}
Opened = Callable[..., Any]


def made(kind: str, **settings: Any) -> Forwarder:
    return forwarders(configure({FORWARDERS: {kind: settings}})[FORWARDERS])[kind]


@pytest.fixture(params=TYPES)
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    """Opens a server that answers as told, and a forwarder to it."""
    async with AsyncExitStack() as stack:

        async def open_both(*answers: str, **settings: Any) -> tuple[FarEnd, Forwarder]:
            serve = grpc_end if request.param == "otlp_grpc" else http_end
            end = await stack.enter_async_context(serve(FarEnd(answers)))
            forwarder = made(request.param, endpoint=end.url, **settings)
            return end, await stack.enter_async_context(forwarder)

        yield open_both


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
async def test_the_bytes_arrive_as_they_were(opened: Opened, signal: Signal, compression: str) -> None:
    """A tee that rewrites is no tee: unknown fields and odd encodings belong to the user's backend."""
    end, forwarder = await opened(compression=compression, headers={"X-Api-Key": "k1"})
    large = REQUESTS[signal] * 30_000 + UNKNOWN
    receipts = [await forwarder.forward(signal, REQUESTS[signal] + UNKNOWN), await forwarder.forward(signal, large)]

    assert [unpacked(got) for got in end.got] == [REQUESTS[signal] + UNKNOWN, large]
    assert {got.signal.name for got in end.got} == {signal.name}
    assert end.got[0].headers["x-api-key"] == "k1"
    assert "halo-sidecar/" in end.got[0].headers["user-agent"]
    assert receipts == [Receipt(), Receipt()]


async def test_a_busy_target_says_when_to_come_back(opened: Opened) -> None:
    """Coming earlier is what keeps it busy."""
    _, forwarder = await opened(THROTTLED)
    with pytest.raises(RetryableError) as told:
        await forwarder.forward(TRACES, REQUESTS[TRACES])

    assert told.value.retry_after_s == RETRY_AFTER_S


async def test_too_large_is_told_from_wrong(opened: Opened) -> None:
    """The one is cut and sent, the other would be refused in pieces too."""
    _, forwarder = await opened(TOO_LARGE, REFUSED)
    with pytest.raises(OversizeError):
        await forwarder.forward(TRACES, REQUESTS[TRACES])
    with pytest.raises(PermanentError, match=SAID) as told:
        await forwarder.forward(TRACES, REQUESTS[TRACES])

    assert not isinstance(told.value, OversizeError)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (http.failure("h", 400, {}, b"http: request body too large", ()), OversizeError),
        (http.failure("h", 400, {}, b"no project", ()), PermanentError),
        (http.failure("h", 413, {}, b"", ()), OversizeError),
        (http.failure("h", 500, {}, b"", otlp_http.RETRYABLE_STATUSES), PermanentError),
        (http.failure("h", 502, {}, b"", otlp_http.RETRYABLE_STATUSES), RetryableError),
        (otlp_grpc.failure(Code.OUT_OF_RANGE, "decoded message length too large: found 9 bytes", ()), OversizeError),
        (otlp_grpc.failure(Code.OUT_OF_RANGE, "clock", ()), RetryableError),
        (otlp_grpc.failure(Code.RESOURCE_EXHAUSTED, "quota", ()), OversizeError),
        (otlp_grpc.failure(Code.UNIMPLEMENTED, "no logs here", ()), PermanentError),
        (otlp_grpc.failure(Code.DATA_LOSS, "disk", ()), RetryableError),
    ],
)
def test_each_status_means_what_the_specification_or_its_user_says(error: Exception, expected: type[Exception]) -> None:
    """The Collector says 400 and servers in Rust OUT_OF_RANGE where 413 and RESOURCE_EXHAUSTED are meant."""
    assert type(error) is expected


async def test_a_target_that_refuses_some_says_how_many(opened: Opened) -> None:
    """Partial success is an answer, not a failure: nothing is sent again."""
    _, forwarder = await opened(PARTLY)

    assert await forwarder.forward(TRACES, REQUESTS[TRACES]) == Receipt(2, SAID)


async def test_a_target_that_does_not_answer_is_left_in_time(opened: Opened) -> None:
    """A consumer that waits forever is one fewer."""
    end, forwarder = await opened(SILENT, timeout="200ms")
    with pytest.raises(RetryableError):
        await forwarder.forward(TRACES, REQUESTS[TRACES])
    await forwarder.forward(TRACES, REQUESTS[TRACES])

    assert len(end.got) == 2


async def test_a_forward_can_be_abandoned(opened: Opened) -> None:
    """The sidecar stops although the target keeps it waiting."""
    end, forwarder = await opened(SILENT, timeout="1h")
    task = asyncio.create_task(forwarder.forward(TRACES, REQUESTS[TRACES]))
    while not end.got:  # noqa: ASYNC110 - the server has no word for it
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if isinstance(forwarder, GrpcForwarder):
        async with asyncio.timeout(10):
            await end.abandoned.wait()


@pytest.mark.parametrize("kind", TYPES)
async def test_where_nobody_listens_it_is_later(kind: str) -> None:
    """A backend that restarts is no reason to lose anything."""
    async with made(kind, endpoint=f"http://127.0.0.1:{free_ports(1)[0]}") as forwarder:
        with pytest.raises(RetryableError):
            await forwarder.forward(TRACES, REQUESTS[TRACES])


@pytest.mark.parametrize("kind", TYPES)
async def test_a_connection_that_breaks_is_later(kind: str) -> None:
    """Nothing says that the request was taken, so it was not."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server, made(kind, endpoint=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as forwarder:
        with pytest.raises(RetryableError):
            await forwarder.forward(TRACES, REQUESTS[TRACES])


@pytest.mark.skipif(
    shutil.which("openssl") is None, reason="no openssl command: install it (Debian: openssl) to test TLS of forwarders"
)
@pytest.mark.parametrize("kind", TYPES)
async def test_over_tls_both_sides_show_who_they_are(kind: str, tmp_path: Path) -> None:
    """Prompts cross the network: never to somebody else, never from somebody else."""
    certificate, key = await asyncio.to_thread(certificates, tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate))
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    pair = (key.read_bytes(), certificate.read_bytes())
    credentials = grpc.ssl_server_credentials([pair], certificate.read_bytes(), require_client_auth=True)
    serve, tls = (grpc_end, credentials) if kind == "otlp_grpc" else (http_end, context)
    trusted = {"ca_file": str(certificate), "server_name_override": "far.test"}
    shown = {"cert_file": str(certificate), "key_file": str(key)}
    async with serve(FarEnd(), tls) as end:  # type: ignore[operator]
        endpoint = f"https://127.0.0.1:{end.port}"
        async with made(kind, endpoint=endpoint, tls=trusted | shown) as forwarder:
            await forwarder.forward(TRACES, REQUESTS[TRACES])
        for distrusted in (trusted, shown, {**shown, "ca_file": str(certificate), "server_name_override": "x.test"}):
            async with made(kind, endpoint=endpoint, tls=distrusted) as forwarder:
                with pytest.raises(RetryableError):
                    await forwarder.forward(TRACES, REQUESTS[TRACES])

    assert [unpacked(got) for got in end.got] == [REQUESTS[TRACES]]


async def test_a_certificate_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    """Not by a target that fails for days. (gRPC reads certificates when it connects and does not say.)"""
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(ConfigError, match="correct the files"):
        async with made("otlp_http", endpoint="https://127.0.0.1:1", tls={"ca_file": str(broken)}):
            pytest.fail("started all the same")


@pytest.mark.parametrize(
    ("endpoint", "tls", "target", "is_secure"),
    [
        ("localhost:4317", {}, "localhost:4317", True),
        ("localhost:4317", {"insecure": True}, "localhost:4317", False),
        ("http://backend", {}, "backend:4317", False),
        ("https://backend:443/", {}, "backend:443", True),
        ("[::1]:4317", {"insecure": True}, "[::1]:4317", False),
        ("dns:///backend:4317", {}, "dns:///backend:4317", True),
        ("unix:///run/otlp.sock", {}, "unix:///run/otlp.sock", False),
    ],
)
def test_a_grpc_endpoint_is_read_as_the_collector_and_the_sdks_do(
    endpoint: str, tls: dict[str, bool], target: str, is_secure: bool
) -> None:
    """Either of the two spellings is in somebody's configuration."""
    config: Any = configure({FORWARDERS: {"otlp_grpc": {"endpoint": endpoint, "tls": tls}}})[FORWARDERS][0].config

    assert (config.target, config.is_secure) == (target, is_secure)


def test_http_urls_are_the_base_and_the_signals_path_unless_named() -> None:
    """As the Collector's `otlp_http` exporter builds them."""
    settings = {"endpoint": "https://b/otlp/", "logs_endpoint": "https://l/in"}
    config: Any = configure({FORWARDERS: {"otlp_http": settings}})[FORWARDERS][0].config
    only: Any = configure({FORWARDERS: {"otlp_http": {"logs_endpoint": "https://l/in"}}})[FORWARDERS][0].config

    assert [config.url(signal) for signal in (TRACES, LOGS)] == ["https://b/otlp/v1/traces", "https://l/in"]
    assert only.carried == [LOGS]


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        ("otlp_grpc", {}, "endpoint: required; set it"),
        ("otlp_grpc", {"endpoint": "http://b:4317/v1/traces"}, "without a path"),
        ("otlp_grpc", {"endpoint": "b:1", "sending_queue": {"enabled": False}}, "cannot be switched off"),
        ("otlp_grpc", {"endpoint": "b:1", "tls": {"cert_file": "/none.pem"}}, "there is no file /none.pem"),
        ("otlp_grpc", {"endpoint": "b:1", "retry_on_failure": {"initial": "1s"}}, "initial_interval"),
        ("otlp_http", {}, "has no endpoint"),
        ("otlp_http", {"endpoint": "b:4318"}, "is no URL to send to"),
        ("otlp_http", {"endpoint": "http://b/v1/traces"}, "traces_endpoint"),
        ("otlp_http", {"endpoint": "http://u:secret@b"}, "secrets in headers"),
    ],
)
def test_a_mistake_is_told_with_its_fix(kind: str, settings: dict[str, Any], told: str) -> None:
    """The person has a Collector's configuration in hand and no time."""
    with pytest.raises(ConfigError) as mistakes:
        configure({FORWARDERS: {kind: settings}})

    [problem] = mistakes.value.problems
    assert problem.startswith(f"forwarders.{kind}")
    assert told in problem
    assert "secret@" not in problem


def test_a_collectors_exporter_can_be_pasted() -> None:
    """All of exporterhelper's common names are taken as they are."""
    settings = {
        "endpoint": "backend:4317",
        "tls": {"insecure": True},
        "headers": {"authorization": "Bearer abc"},
        "compression": "none",
        "timeout": "10s",
        "retry_on_failure": {
            "enabled": True,
            "initial_interval": "5s",
            "randomization_factor": 0.5,
            "multiplier": 1.5,
            "max_interval": "30s",
            "max_elapsed_time": "300s",
        },
        "sending_queue": {"enabled": True, "num_consumers": 10, "queue_size": 5000, "storage": "file_storage"},
    }
    config: Any = configure({FORWARDERS: {"otlp_grpc/backend": settings}})[FORWARDERS][0].config

    assert config.sending_queue.bound.max_requests == 5000
    assert "abc" not in str(config.model_dump(mode="json"))
