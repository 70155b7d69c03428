"""Who may ask: loopback by default, elsewhere only on purpose, with a token only those who have it."""

import aiohttp
import pytest

from api.server import ApiServer, Config
from domain.endpoint import Endpoint
from domain.errors import ConfigError
from domain.settings import read_settings
from tests.api.fakes import NOW, FakeControl, FakeWindow


def a_server(**settings: object) -> ApiServer:
    config = read_settings(Config, "api", {"endpoint": "127.0.0.1:0", **settings})
    return ApiServer(config, window=FakeWindow(), control=FakeControl(), now=lambda: NOW)


async def status(server: ApiServer, **headers: str) -> int:
    url = f"http://{server.endpoint}/api/v1/agents"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status


async def test_with_a_token_only_those_who_send_it_are_answered() -> None:
    """Traces hold prompts and answers; whoever reads them must be meant to."""
    async with a_server(token="s3cret") as server:
        assert await status(server) == 401
        assert await status(server, Authorization="Bearer wrong") == 401
        assert await status(server, Authorization="Bearer s3cret\u00e9") == 401
        assert await status(server, Authorization="Bearer s3cret") == 200


async def test_on_loopback_a_page_that_rebinds_its_name_is_turned_away() -> None:
    """A browser on the same machine must not be a way in for every web page."""
    async with a_server() as server:
        assert await status(server, Host="evil.test") == 403
        assert await status(server, Host=f"evil.test:{server.endpoint.port}") == 403
        assert await status(server, Host="localhost:4320") == 200
        assert await status(server, Host="[::1]:4320") == 200
        assert await status(server) == 200


def test_an_endpoint_that_others_can_reach_needs_a_token_or_a_decision() -> None:
    """The default of every second leak is 0.0.0.0."""
    with pytest.raises(
        ConfigError, match=r"^api: endpoint 0.0.0.0:4320 can be reached .* set token, or insecure: true"
    ):
        read_settings(Config, "api", {"endpoint": "0.0.0.0:4320"})

    assert read_settings(Config, "api", {"endpoint": "0.0.0.0:4320", "insecure": True}).endpoint.port == 4320
    assert read_settings(Config, "api", {"endpoint": "0.0.0.0:4320", "token": "t"}).endpoint.host == "0.0.0.0"


def test_a_token_is_never_printed() -> None:
    """print-config and logs show configurations."""
    config = Config(token="s3cret")

    assert "s3cret" not in repr(config)
    assert "s3cret" not in config.model_dump_json()


async def test_a_port_in_use_is_one_line_with_the_setting() -> None:
    """The usual second start of a sidecar."""
    async with a_server() as first:
        config = Config(endpoint=Endpoint("127.0.0.1", first.endpoint.port))
        second = ApiServer(config, window=FakeWindow(), control=FakeControl(), now=lambda: NOW)
        with pytest.raises(ConfigError, match=r"^api.endpoint: 127.0.0.1:\d+ is in use; stop"):
            await second.__aenter__()
