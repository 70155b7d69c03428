"""The client's errors: one line that says what to do."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from api.client import Client, readiness
from api.server import ApiServer, Config
from domain.endpoint import Endpoint
from domain.errors import ConfigError, HaloError, PermanentError, RetryableError
from tests.acceptance.sidecar import free_ports
from tests.api.fakes import NOW, RESEARCHER, FakeControl, FakeWindow


async def answered(server: Any, ask: Callable[[], Any]) -> Any:
    """What a synchronous client gets from a server in this event loop."""
    async with server:
        return await asyncio.to_thread(ask)


def a_server(port: int, token: str | None = None) -> ApiServer:
    config = Config(endpoint=Endpoint("127.0.0.1", port), token=token)
    return ApiServer(config, window=FakeWindow(), control=FakeControl(), now=lambda: NOW)


async def test_the_client_sends_and_reads_what_the_server_means() -> None:
    """Both sides of one contract."""
    port = free_ports(1)[0]
    client = Client(f"http://127.0.0.1:{port}/", token="t")

    def ask() -> Any:
        made = client.post("/runs", {"agent_uuid": RESEARCHER.uuid})
        return made, client.listed("/traces", 4, status=None), client.get_bytes(f"/runs/{made['id']}/evidence")

    made, traces, evidence = await answered(a_server(port, "t"), ask)

    assert made["id"] == "run-1"
    assert (len(traces["items"]), traces["next_cursor"]) == (4, "4")
    assert evidence.startswith(b"SQLite")


def test_a_sidecar_that_is_not_there_is_one_line_with_the_way_out() -> None:
    """By far the most frequent mistake."""
    port = free_ports(1)[0]

    with pytest.raises(RetryableError) as error:
        Client(f"http://127.0.0.1:{port}").get("/agents")
    assert str(error.value) == (
        f"cannot reach http://127.0.0.1:{port}: is `halo serve` running? Set HALO_ENDPOINT if it listens elsewhere"
    )
    with pytest.raises(RetryableError, match="is `halo serve` running"):
        readiness(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("path", "token", "kind", "said"),
    [
        ("/runs/nope", "t", PermanentError, "no run with id 'nope'"),
        ("/runs?limit=0", "t", ConfigError, "limit"),
        ("/runs", None, PermanentError, "set HALO_API_TOKEN"),
    ],
)
async def test_refusals_become_the_errors_of_the_house(
    path: str, token: str | None, kind: type[HaloError], said: str
) -> None:
    """So that the command line exits 1 for what is not there and 2 for what was mistyped."""
    port = free_ports(1)[0]

    with pytest.raises(kind, match=said):
        await answered(a_server(port, "t"), lambda: Client(f"http://127.0.0.1:{port}", token).get(path))


async def test_another_server_on_that_port_is_recognised() -> None:
    """Port 4320 may belong to something else."""

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="<h1>hello</h1>", status=404)

    app = web.Application()
    app.router.add_get("/{any:.*}", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        with pytest.raises(PermanentError, match="is no HALO sidecar; correct HALO_ENDPOINT"):
            await asyncio.to_thread(Client(base).get, "/agents")
        with pytest.raises(PermanentError, match="is no HALO health endpoint"):
            await asyncio.to_thread(readiness, base)
    finally:
        await runner.cleanup()


def test_an_endpoint_that_is_no_url_is_a_mistake_of_configuration() -> None:
    """Exit 2, not a stack trace of an HTTP library."""
    with pytest.raises(ConfigError, match="HALO_ENDPOINT"):
        Client("127.0.0.1:4320")
    with pytest.raises(ConfigError, match="HALO_ENDPOINT"):
        Client("http://127.0.0.1:4320x").get("/agents")
