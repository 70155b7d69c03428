"""Receives OTLP over gRPC and HTTP, and answers OK only for what is on disk."""

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog
from pydantic import Field, ValidationInfo, field_validator, model_validator

from collector.keeping import Keeper
from collector.otlp.grpc_server import grpc_server
from collector.otlp.http_server import http_server
from collector.otlp.intake import Intake
from collector.otlp.limits import Inflight
from collector.otlp.misdirected import grpc_hint, http_hint
from collector.otlp.settings import GrpcConfig, HttpConfig
from domain.component import ComponentConfig
from domain.endpoint import Listening
from domain.errors import ConfigError
from domain.quantities import Duration, Size, format_size

_MIB = 2**20

_log = structlog.get_logger(__name__)


class Protocols(ComponentConfig):
    """The protocols to serve: those that are listed, with defaults where nothing is said."""

    grpc: GrpcConfig | None = Field(default=None, description="Serve OTLP over gRPC.")
    http: HttpConfig | None = Field(default=None, description="Serve OTLP over HTTP.")

    @model_validator(mode="before")
    @classmethod
    def _null_means_defaults(cls, raw: object) -> object:
        if isinstance(raw, dict):
            return {key: {} if value is None and key in cls.model_fields else value for key, value in raw.items()}
        return {} if raw is None else raw

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.grpc is None and self.http is None:
            raise ValueError("must specify at least one protocol when using the OTLP receiver; add grpc: or http:")
        return self


class Config(ComponentConfig):
    """`receivers.otlp` of halo.yaml."""

    protocols: Protocols = Field(
        default_factory=lambda: Protocols.model_construct(),
        validate_default=True,
        description="The protocols to serve, at least one.",
    )
    max_inflight_bytes: Size = Field(
        default=256 * _MIB,
        validate_default=True,
        description="Bytes received and not yet answered, over all protocols, before it refuses more.",
    )
    ready_timeout: Duration = Field(
        default=timedelta(seconds=5), description="How long a request waits for the store to become ready."
    )
    stop_grace: Duration = Field(
        default=timedelta(seconds=10), description="How long requests in flight may take when the sidecar stops."
    )

    @field_validator("max_inflight_bytes")
    @classmethod
    def _holds_a_request(cls, size: int, info: ValidationInfo) -> int:
        """A compressed request is held twice while it is unpacked; one that never fits would be retried forever."""
        protocols: Protocols | None = info.data.get("protocols")
        servers = [protocols.grpc, protocols.http] if protocols else []
        needed = 2 * max((server.max_request_bytes for server in servers if server), default=0)
        if size < needed:
            raise ValueError(
                f"{format_size(size)} is less than twice max_request_bytes; "
                f"set it to {format_size(needed)} or more, or lower max_request_bytes"
            )
        return size


def create(config: Config, *, name: str = "otlp", keeper: Keeper, ready: asyncio.Event | None = None) -> "OtlpReceiver":
    """A receiver that listens while its `async with` lasts; requests wait until `ready` is set (None: ready now)."""
    return OtlpReceiver(config, name, keeper, ready)


class OtlpReceiver:
    """A running OTLP receiver; the endpoints are the actual ones, None for a protocol that is not served."""

    def __init__(self, config: Config, name: str, keeper: Keeper, ready: asyncio.Event | None) -> None:
        self._config = config
        self._servers: list[AsyncExitStack] = []
        if ready is None:
            ready = asyncio.Event()
            ready.set()
        self._ready = ready
        self._inflight = Inflight(config.max_inflight_bytes)
        self._intake = Intake(name, keeper, self._inflight, ready, config.ready_timeout.total_seconds())
        self.grpc_endpoint: Listening | None = None
        self.http_endpoint: Listening | None = None

    async def __aenter__(self) -> Self:
        """Start listening on every protocol; ConfigError names each that cannot, and then none listens."""
        problems: list[str] = []
        grpc, http = self._config.protocols.grpc, self._config.protocols.http
        grace_s = self._config.stop_grace.total_seconds()
        if grpc is not None:
            server = grpc_server(
                grpc,
                self._intake,
                stop_grace_s=grace_s,
                ready=self._ready,
                http_hint=lambda: grpc_hint(self.http_endpoint),
            )
            self.grpc_endpoint = await self._start("grpc", server, problems)
        if http is not None:
            hint = http_hint(self.grpc_endpoint)
            server = http_server(http, self._intake, stop_grace_s=grace_s, http_2_hint=hint)
            self.http_endpoint = await self._start("http", server, problems)
        if problems:
            await self._stop()
            raise ConfigError(problems)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def inflight_bytes(self) -> int:
        """Bytes received and not yet answered."""
        return self._inflight.used

    async def _stop(self) -> None:
        """All servers together, so that none accepts while another still finishes."""
        servers, self._servers = self._servers, []
        await asyncio.gather(*(server.aclose() for server in servers))

    async def _start(
        self, protocol: str, server: AbstractAsyncContextManager[Listening], problems: list[str]
    ) -> Listening | None:
        stack = AsyncExitStack()
        try:
            endpoint = await stack.enter_async_context(server)
        except ConfigError as error:
            problems += [f"protocols.{protocol}.{problem}" for problem in error.problems]
            return None
        self._servers.append(stack)
        _log.info("receiver_started", protocol=protocol, endpoint=str(endpoint))
        return endpoint
