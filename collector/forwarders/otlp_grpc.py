"""Sends telemetry on over OTLP/gRPC, byte for byte, to a tracing backend or a Collector.

gRPC's asyncio client compresses on the event loop, where all senders wait for their acknowledgements; so calls start
on threads of their own, which compress without holding the interpreter.
"""

import asyncio
from datetime import timedelta
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

import grpc
from pydantic import Field, field_validator

from collector.outgoing.background import background_executor
from collector.outgoing.forwarder import Receipt
from collector.outgoing.otlp_grpc import Metadata, failure
from collector.outgoing.receipts import receipt
from collector.outgoing.settings import ForwarderConfig
from domain.errors import ConfigError, RetryableError
from domain.quantities import Duration
from domain.signals import Signal
from domain.version import VERSION

_PORT = 4317
_GRPC_NAMES = ("unix:", "dns:")  # https://github.com/grpc/grpc/blob/master/doc/naming.md
_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),  # else a target that is back is not noticed for two minutes
    ("grpc.primary_user_agent", f"halo-sidecar/{VERSION}"),
)


class Config(ForwarderConfig):
    """`forwarders.otlp_grpc` of halo.yaml."""

    endpoint: str = Field(
        description="Where to send: host:port (TLS), http://host:port (in the clear), dns:///… or unix:///…."
    )
    timeout: Duration = Field(
        default=timedelta(seconds=5), gt=timedelta(0), description="How long one attempt may take."
    )

    @field_validator("endpoint")
    @classmethod
    def _is_a_target(cls, endpoint: str) -> str:
        if endpoint.startswith(_GRPC_NAMES):
            return endpoint
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        wrong = parts.scheme not in ("", "http", "https") or parts.username is not None or parts.path.strip("/")
        try:
            if wrong or not parts.hostname or parts.port == 0:
                raise ValueError
        except ValueError:
            raise ValueError(
                "is no gRPC endpoint; write host:port, http://host:port or https://host:port, without a path"
            ) from None
        return endpoint.rstrip("/")

    @property
    def is_secure(self) -> bool:
        """Whether to use TLS: unless `tls.insecure` or the scheme say otherwise."""
        return not (self.tls.insecure or self.endpoint.startswith(("http://", "unix:")))

    @property
    def target(self) -> str:
        """The endpoint as gRPC names it."""
        if self.endpoint.startswith(_GRPC_NAMES):
            return self.endpoint
        parts = urlsplit(self.endpoint if "://" in self.endpoint else f"//{self.endpoint}")
        host = parts.hostname or ""
        return f"{f'[{host}]' if ':' in host else host}:{parts.port or _PORT}"


def create(config: Config, *, name: str) -> "GrpcForwarder":
    """A forwarder that keeps one channel while its `async with` lasts."""
    return GrpcForwarder(config, name)


class GrpcForwarder:
    """Sends to `config.endpoint`."""

    def __init__(self, config: Config, name: str) -> None:
        self._config = config
        self._name = name
        self._metadata = tuple((key.lower(), value.get_secret_value()) for key, value in config.headers.items())
        self._compression = grpc.Compression.Gzip if config.compression == "gzip" else grpc.Compression.NoCompression

    async def __aenter__(self) -> Self:
        """Connects only when there is something to send; ConfigError when a file of `tls` cannot be read."""
        try:
            self._channel = _channel(self._config)
        except (OSError, ValueError) as error:
            raise ConfigError(f"tls: {error}; correct the files") from error
        self._starter = background_executor(self._config.sending_queue.num_consumers, f"halo-{self._name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._channel.close)
        self._starter.shutdown(wait=False)

    async def forward(self, signal: Signal, request: bytes) -> Receipt:
        """As `Forwarder.forward`."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        call = await loop.run_in_executor(self._starter, self._start, signal, request)
        try:
            call.add_done_callback(lambda _: _tell(loop, done))
            await done.wait()
        except asyncio.CancelledError:
            call.cancel()
            raise
        return _answered(signal, call)

    def _start(self, signal: Signal, request: bytes) -> "grpc.Future[bytes]":
        method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            f"/{signal.service}/Export", request_serializer=None, response_deserializer=None
        )
        return method.future(
            request,
            timeout=self._config.timeout.total_seconds(),
            metadata=self._metadata,
            compression=self._compression,
        )


def _tell(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    """Called on a thread of gRPC, also after the loop has ended."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(done.set)


def _answered(signal: Signal, call: "grpc.Future[bytes]") -> Receipt:
    try:
        return receipt(signal, call.result())
    except grpc.FutureCancelledError:
        raise RetryableError("the call was cancelled") from None
    except grpc.RpcError as error:
        answered = cast(grpc.Call, error)
        trailers = cast(Metadata, tuple(answered.trailing_metadata() or ()))
        raise failure(answered.code(), answered.details() or "", trailers) from None


def _channel(config: Config) -> grpc.Channel:
    tls, options = config.tls, list(_OPTIONS)
    if not config.is_secure:
        return grpc.insecure_channel(config.target, options)
    if tls.server_name_override:
        options.append(("grpc.ssl_target_name_override", tls.server_name_override))
    credentials = grpc.ssl_channel_credentials(
        tls.ca_file.read_bytes() if tls.ca_file else None,
        tls.key_file.read_bytes() if tls.key_file else None,
        tls.cert_file.read_bytes() if tls.cert_file else None,
    )
    return grpc.secure_channel(config.target, credentials, options)
