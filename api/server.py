"""The REST control API: how people, scripts and the command line speak to a running sidecar."""

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from pydantic import Field, SecretStr, model_validator

from api.asking import Doors, Health
from api.listening import EndpointSetting, Listener
from api.routes import ROUTES
from api.serving import application
from domain.component import ComponentConfig
from domain.endpoint import Endpoint
from store.base import ControlStore, WindowReader


class Config(ComponentConfig):
    """The `api` part of halo.yaml."""

    endpoint: EndpointSetting = Field(
        default=Endpoint("127.0.0.1", 4320), description="Where the REST API listens, as host:port."
    )
    token: SecretStr | None = Field(
        default=None, description="Bearer token that every request must carry; clients read it from HALO_API_TOKEN."
    )
    insecure: bool = Field(
        default=False, description="Allow an endpoint that other machines can reach without a token."
    )

    @model_validator(mode="after")
    def _open_only_on_purpose(self) -> Self:
        if not (self.endpoint.is_loopback or self.token or self.insecure):
            raise ValueError(
                f"endpoint {self.endpoint} can be reached from other machines; "
                "set token, or insecure: true if that is intended"
            )
        return self


class ApiServer:
    """The API, listening between `async with`."""

    def __init__(
        self,
        config: Config,
        *,
        window: WindowReader,
        control: ControlStore,
        now: Callable[[], datetime],
        health: Health | None = None,
        model: str | None = None,
        can_ask: bool = False,
    ) -> None:
        token = config.token.get_secret_value() if config.token else None
        app = application(Doors(window, control, now, health, model, can_ask), ROUTES, token)
        self._listener = Listener(app, config.endpoint, "api.endpoint")

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens; the real port when port 0 was asked for."""
        return self._listener.endpoint

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.stop()
