"""Unix sockets as endpoints of both protocols: bound, shared with the group, replaced when dead, removed."""

import asyncio
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from collector.receivers.otlp import Config
from domain.endpoint import UNIX_PATH_MAX_BYTES
from domain.errors import ConfigError
from domain.settings import read_settings
from tests.collector.fakes import FakeWindow, request
from tests.collector.listening import finished_spans, listening
from tests.collector.serving import METHOD, PROTOBUF


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short one: the path of a socket may not be long."""
    with TemporaryDirectory(prefix="halo ", dir="/tmp") as made:
        yield Path(made)


def _names(directory: Path) -> list[str]:
    return [each.name for each in directory.iterdir()]


async def _post(path: Path) -> int:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
        headers = {"Content-Type": PROTOBUF}
        async with session.post("http://h/v1/traces", data=request().SerializeToString(), headers=headers) as answer:
            return answer.status


@pytest.mark.parametrize("is_collectors_form", [True, False])
async def test_both_protocols_serve_on_unix_sockets(directory: Path, is_collectors_form: bool) -> None:
    """An agent in the same pod can be let in by the rights of a file, without any port."""
    window = FakeWindow()
    paths = {protocol: directory / f"{protocol}.sock" for protocol in ("grpc", "http")}
    settings: dict[str, dict[str, Any]] = {
        protocol: {"transport": "unix", "endpoint": str(path)} if is_collectors_form else {"endpoint": f"unix:{path}"}
        for protocol, path in paths.items()
    }
    async with listening(window, **settings) as running:
        told = (str(running.grpc_endpoint), str(running.http_endpoint))
        modes = [stat.S_IMODE(path.stat().st_mode) for path in paths.values()]
        status = await _post(paths["http"])
        async with grpc.aio.insecure_channel(f"unix:{str(paths['grpc']).replace(' ', '%20')}") as channel:
            answer = await channel.unary_unary(METHOD)(request().SerializeToString())

    assert told == (f"unix:{paths['grpc']}", f"unix:{paths['http']}")
    assert modes == [0o660, 0o660]
    assert (status, answer) == (200, b"")
    assert _names(directory) == []


async def test_a_stock_exporter_sends_over_a_unix_socket() -> None:
    """gRPC's exporters take `unix:` endpoints."""
    window = FakeWindow()
    with TemporaryDirectory(dir="/tmp") as made:
        async with listening(window, grpc={"endpoint": f"unix:{made}/otlp.sock"}):
            exporter = GrpcExporter(f"unix:{made}/otlp.sock", insecure=True, timeout=30)
            result = await asyncio.to_thread(exporter.export, finished_spans(3))
            await asyncio.to_thread(exporter.shutdown)

    assert result is SpanExportResult.SUCCESS
    assert len(window.spans) == 3


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_the_socket_of_a_dead_process_is_replaced(protocol: str, directory: Path) -> None:
    """After kill -9 the file is still there; a restart must not need a hand."""
    path = directory / "otlp.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with listening(FakeWindow(), **{protocol: {"endpoint": f"unix:{path}"}}):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_the_socket_of_a_living_process_is_left_alone(protocol: str, directory: Path) -> None:
    """gRPC would unlink it, and the other program would be deaf without knowing."""
    path = directory / "otlp.sock"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen()
        with pytest.raises(ConfigError) as refused:
            async with listening(FakeWindow(), **{protocol: {"endpoint": f"unix:{path}"}}):
                pass
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))

    fix = "stop the program that listens there or choose another path"
    assert refused.value.problems == (f"protocols.{protocol}.endpoint: unix:{path} is in use; {fix}",)


async def test_both_protocols_cannot_share_a_socket_and_none_stays(directory: Path) -> None:
    """Half a receiver must not stay, nor its file."""
    one = {"endpoint": f"unix:{directory}/otlp.sock"}
    with pytest.raises(ConfigError) as refused:
        async with listening(FakeWindow(), grpc=one, http=one):
            pass

    assert len(refused.value.problems) == 1
    assert "protocols.http.endpoint" in refused.value.problems[0]
    assert _names(directory) == []


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_file_that_is_no_socket_is_never_removed(protocol: str, directory: Path) -> None:
    """A typing error in a path must not cost somebody's data."""
    path = directory / "notes.txt"
    path.write_text("precious")
    with pytest.raises(ConfigError) as refused:
        async with listening(FakeWindow(), **{protocol: {"endpoint": f"unix:{path}"}}):
            pass

    assert "exists and is no socket; choose another path or remove the file" in str(refused.value)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_directory_that_is_not_there_is_named(protocol: str, directory: Path) -> None:
    """The usual mistake: /run/halo is made by nobody."""
    with pytest.raises(ConfigError) as refused:
        async with listening(FakeWindow(), **{protocol: {"endpoint": f"unix:{directory}/none/otlp.sock"}}):
            pass

    assert "its directory does not exist; create it or choose another path" in str(refused.value)


async def test_the_socket_of_a_successor_is_not_removed(directory: Path) -> None:
    """While the last requests are finished, a new process may already listen under the same path."""
    path = directory / "otlp.sock"
    with socket.socket(socket.AF_UNIX) as successor:
        async with listening(FakeWindow(), http={"endpoint": f"unix:{path}"}):
            path.unlink()
            successor.bind(str(path))
            successor.listen()

        assert stat.S_ISSOCK(path.stat().st_mode)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"transport": "unix"}, "'127.0.0.1:4318' is no path of a unix socket; write e.g. unix:/run/halo/otlp.sock"),
        ({"endpoint": "unix:"}, "'unix:' is no path of a unix socket; write e.g. unix:/run/halo/otlp.sock"),
        ({"endpoint": "/run/otlp.sock"}, "'/run/otlp.sock' is no endpoint; write host:port"),
        (
            {"endpoint": "unix:/" + "x" * 200},
            f"the path of a unix socket may have {UNIX_PATH_MAX_BYTES} bytes, this one has 201",
        ),
    ],
)
def test_a_mistake_in_a_path_names_the_fix(settings: dict[str, str], problem: str) -> None:
    """The system would say EINVAL."""
    with pytest.raises(ConfigError) as mistake:
        read_settings(Config, "r", {"protocols": {"http": settings}})

    assert str(mistake.value).startswith(f"r.protocols.http.endpoint: {problem}")
