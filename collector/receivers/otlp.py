"""Receives OTLP traces over gRPC and HTTP, and answers OK only for what is on disk."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog
from pydantic import Field, ValidationInfo, field_validator, model_validator

from collector.otlp.grpc_server import grpc_server
from collector.otlp.http_server import http_server
from collector.otlp.intake import Intake
from collector.otlp.limits import Inflight
from domain.component import ComponentConfig
from domain.endpoint import Endpoint, parse_endpoint
from domain.errors import ConfigError
from domain.quantities import Duration, Size, format_size
from store.base import WindowWriter

_MIB = 2**20
_WHERE = "Where to listen, host:port; port 0 lets the system choose."

_log = structlog.get_logger(__name__)


class ServerConfig(ComponentConfig):
    """One protocol's server."""

    insecure: bool = Field(
        default=False, description="Allow an endpoint that other machines can reach, without TLS or authentication."
    )
    endpoint: str = Field(description=_WHERE)
    max_request_bytes: Size = Field(
        default=64 * _MIB, gt=0, description="The largest request, as sent and as unpacked; larger ones are refused."
    )

    @field_validator("endpoint")
    @classmethod
    def _is_safe(cls, text: str, info: ValidationInfo) -> str:
        endpoint = parse_endpoint(text)
        if not endpoint.is_loopback and not info.data.get("insecure"):
            raise ValueError(
                f"{endpoint} can be reached from other machines, without TLS or authentication; "
                f"use 127.0.0.1:{endpoint.port}, or set insecure: true beside it"
            )
        return str(endpoint)


class GrpcConfig(ServerConfig):
    """The gRPC server."""

    endpoint: str = Field(default="127.0.0.1:4317", description=_WHERE)


class HttpConfig(ServerConfig):
    """The HTTP server: `POST /v1/traces`, protobuf or JSON."""

    endpoint: str = Field(default="127.0.0.1:4318", description=_WHERE)


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


def create(
    config: Config, *, name: str = "otlp", window: WindowWriter, ready: asyncio.Event | None = None
) -> "OtlpReceiver":
    """A receiver that listens while its `async with` lasts; requests wait until `ready` is set (None: ready now)."""
    return OtlpReceiver(config, name, window, ready)


class OtlpReceiver:
    """A running OTLP receiver; the endpoints are the actual ones, None for a protocol that is not served."""

    def __init__(self, config: Config, name: str, window: WindowWriter, ready: asyncio.Event | None) -> None:
        self._config = config
        self._servers: list[AsyncExitStack] = []
        if ready is None:
            ready = asyncio.Event()
            ready.set()
        self._inflight = Inflight(config.max_inflight_bytes)
        self._intake = Intake(name, window, self._inflight, ready, config.ready_timeout.total_seconds())
        self.grpc_endpoint: Endpoint | None = None
        self.http_endpoint: Endpoint | None = None

    async def __aenter__(self) -> Self:
        """Start listening on every protocol; ConfigError names each that cannot, and then none listens."""
        problems: list[str] = []
        self.grpc_endpoint = await self._start("grpc", self._config.protocols.grpc, problems)
        self.http_endpoint = await self._start("http", self._config.protocols.http, problems)
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

    async def _start(self, protocol: str, config: ServerConfig | None, problems: list[str]) -> Endpoint | None:
        if config is None:
            return None
        serve = grpc_server if protocol == "grpc" else http_server
        server = serve(
            parse_endpoint(config.endpoint),
            self._intake,
            max_request_bytes=config.max_request_bytes,
            stop_grace_s=self._config.stop_grace.total_seconds(),
        )
        stack = AsyncExitStack()
        try:
            endpoint = await stack.enter_async_context(server)
        except ConfigError as error:
            problems += [f"protocols.{protocol}.endpoint: {problem}" for problem in error.problems]
            return None
        self._servers.append(stack)
        _log.info("receiver_started", protocol=protocol, endpoint=str(endpoint))
        return endpoint
