"""Where the API's servers listen, and how one is started and stopped."""

from typing import Annotated

from aiohttp import web
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from domain.endpoint import Endpoint, cannot_listen, parse_endpoint
from domain.errors import ConfigError

GRACE_S = 2.0


def _parse(value: object) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    return parse_endpoint(str(value))


EndpointSetting = Annotated[
    Endpoint,
    BeforeValidator(_parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:4320"]}),
]


class Listener:
    """One aiohttp application on one endpoint, between `start` and `stop`."""

    def __init__(self, app: web.Application, endpoint: Endpoint, setting: str) -> None:
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=GRACE_S)
        self._wanted = endpoint
        self._setting = setting
        self.endpoint = endpoint

    async def start(self) -> None:
        """Listen; ConfigError names the setting when the endpoint cannot be had."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._wanted.host, self._wanted.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(f"{self._setting}: {cannot_listen(self._wanted, error)}") from error
        self.endpoint = Endpoint(self._wanted.host, self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Let requests in progress end, for at most `GRACE_S` seconds."""
        await self._runner.cleanup()
