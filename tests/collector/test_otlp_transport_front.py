"""With `detect_http`, the gRPC port answers HTTP requests that come by mistake, and serves gRPC as without."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import grpc
import pytest

from collector.receivers.otlp import Config
from domain.errors import ConfigError
from domain.settings import read_settings
from telemetry.metrics import REQUESTS
from tests.collector.fakes import FakeWindow, request
from tests.collector.listening import Certificates, listening, say
from tests.collector.serving import METHOD, PROTOBUF, export, post, until

DETECTING = {"detect_http": True}
BODY = request().SerializeToString()


async def test_an_http_request_at_the_grpc_port_is_told_the_http_port() -> None:
    """The exporters' default ports differ by one digit, and grpcio answers in bytes that nobody can read."""
    counter = REQUESTS.labels("grpc", "invalid")
    before = counter._value.get()
    async with listening(FakeWindow(), grpc=DETECTING, http={}) as running:
        reply = await post(f"http://{running.grpc_endpoint}/v1/traces", BODY, PROTOBUF)
        expected = f"this is the gRPC port; send OTLP/HTTP to {running.http_endpoint}, e.g. POST /v1/traces"
    async with listening(FakeWindow(), grpc=DETECTING) as running:
        alone = await post(f"http://{running.grpc_endpoint}/", b"", None, "GET")

    assert reply.status == 400
    assert json.loads(reply.body) == {"code": 3, "message": expected}
    assert "enable protocols.http to receive OTLP/HTTP" in alone.body.decode()
    assert counter._value.get() == before + 2


async def test_grpc_passes_through_large_and_small() -> None:
    """More than any buffer holds, both ways at once, on many connections."""
    window = FakeWindow()
    body = request(count=100_000).SerializeToString()
    async with listening(window, grpc=DETECTING) as running:
        answers = await asyncio.gather(*(export(running, each) for each in (body, BODY, body, BODY)))

    assert answers == [b""] * 4
    assert sorted(map(len, window.requests)) == sorted([len(body), len(BODY)] * 2)


async def test_tls_passes_through_untouched(tmp_path: Path) -> None:
    """The handshake is gRPC's own; what is neither TLS nor HTTP is shown the door."""
    certificates = Certificates(tmp_path)
    window = FakeWindow()
    credentials = grpc.ssl_channel_credentials(certificates.ca_file.read_bytes())
    async with listening(window, grpc={**DETECTING, "tls": certificates.server()}) as running:
        async with grpc.aio.secure_channel(str(running.grpc_endpoint), credentials) as channel:
            assert await channel.unary_unary(METHOD)(BODY) == b""
        garbage = await say(running.grpc_endpoint, b"\0\0\0")

    assert garbage == b""
    assert window.requests == [BODY]


async def test_a_stop_finishes_what_passed_and_ends_what_waits() -> None:
    """The front must neither cut off a request nor let a silent connection hold up the end."""
    window = FakeWindow()
    window.gate.clear()
    async with listening(window, grpc=DETECTING) as running:
        endpoint: Any = running.grpc_endpoint
        reader, writer = await asyncio.open_connection(*endpoint)
        sending = asyncio.create_task(export(running, BODY))
        await window.entered.wait()
        stopping = asyncio.create_task(running.__aexit__(None, None, None))
        silent = await reader.read()
        with pytest.raises(OSError, match=r"onnect"):
            await asyncio.open_connection(*endpoint)
        window.gate.set()
        answer = await sending
        await stopping
        writer.close()

    assert (silent, answer) == (b"", b"")
    assert window.requests == [BODY]


async def test_a_sender_that_goes_away_takes_its_request_along() -> None:
    """The connection behind must end with the one before, or it would be kept for ever."""
    window = FakeWindow()
    window.gate.clear()
    async with listening(window, grpc=DETECTING) as running:
        sending = asyncio.create_task(export(running, BODY))
        await window.entered.wait()
        sending.cancel()
        window.gate.set()
        await until(lambda: running.inflight_bytes == 0)
        assert await export(running, BODY) == b""


async def test_a_port_that_is_taken_is_named_as_without() -> None:
    """Nobody should see the socket behind."""
    async with listening(FakeWindow(), grpc=DETECTING) as running:
        with pytest.raises(ConfigError) as refused:
            async with listening(FakeWindow(), grpc={**DETECTING, "endpoint": str(running.grpc_endpoint)}):
                pass

    fix = "stop the program that listens there or choose another port"
    assert refused.value.problems == (f"protocols.grpc.endpoint: {running.grpc_endpoint} is in use; {fix}",)


async def test_a_machine_without_room_for_temporary_files_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers often have a file system that cannot be written to."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    with pytest.raises(ConfigError) as refused:
        async with listening(FakeWindow(), grpc=DETECTING):
            pass

    assert str(refused.value).startswith(
        "protocols.grpc.detect_http: there is no place for temporary files; set TMPDIR"
    )


def test_a_unix_socket_needs_no_detection() -> None:
    """A setting that does nothing would be believed to do something."""
    with pytest.raises(ConfigError, match="nobody sends HTTP to a unix socket by mistake; remove it"):
        read_settings(Config, "r", {"protocols": {"grpc": {**DETECTING, "endpoint": "unix:/run/halo/otlp.sock"}}})
