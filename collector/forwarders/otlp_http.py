"""Sends telemetry on over OTLP/HTTP as protobuf, byte for byte, to a tracing backend or a Collector."""

import asyncio
import ssl
import zlib
from datetime import timedelta
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from pydantic import Field, field_validator, model_validator

from collector.outgoing.background import background_executor
from collector.outgoing.forwarder import Receipt
from collector.outgoing.http import is_http_url, post
from collector.outgoing.receipts import receipt
from collector.outgoing.settings import MIB, ForwarderConfig, Tls
from domain.errors import ConfigError
from domain.quantities import Duration, Size
from domain.signals import SIGNALS, Signal
from domain.version import VERSION

PROTOBUF = "application/x-protobuf"
RETRYABLE_STATUSES = frozenset((429, 502, 503, 504))  # https://opentelemetry.io/docs/specs/otlp/#failures-1
_GZIP_LEVEL, _GZIP_WINDOW = 1, 31
_COMPRESSED_AT_ONCE_BYTES = 64 * 1024


class Config(ForwarderConfig):
    """`forwarders.otlp_http` of halo.yaml."""

    endpoint: str | None = Field(
        default=None,
        description="The target's base URL, http://host:4318 or https://…; /v1/traces and so on are added.",
    )
    traces_endpoint: str | None = Field(default=None, description="The whole URL for traces, instead of the base URL.")
    logs_endpoint: str | None = Field(default=None, description="The whole URL for logs, instead of the base URL.")
    metrics_endpoint: str | None = Field(
        default=None, description="The whole URL for metrics, instead of the base URL."
    )
    profiles_endpoint: str | None = Field(
        default=None, description="The whole URL for profiles, instead of the base URL."
    )
    timeout: Duration = Field(
        default=timedelta(seconds=30), gt=timedelta(0), description="How long one attempt may take."
    )
    max_request_bytes: Size = Field(
        default=16 * MIB,
        ge=1024,
        description="Requests are joined up to this size, and larger ones are cut, if they can be.",
    )

    @field_validator("endpoint", "traces_endpoint", "logs_endpoint", "metrics_endpoint", "profiles_endpoint")
    @classmethod
    def _is_a_url(cls, url: str | None) -> str | None:
        if url is not None and (not is_http_url(url) or urlsplit(url).username is not None):
            raise ValueError("is no URL to send to; write http://host:port or https://host:port, secrets in headers")
        return url

    @field_validator("endpoint")
    @classmethod
    def _is_a_base(cls, url: str | None) -> str | None:
        trimmed = url.rstrip("/") if url is not None else None
        for signal in SIGNALS:
            if trimmed is not None and trimmed.endswith(signal.path):
                raise ValueError(
                    f"ends in {signal.path}, which is added; remove that, or write {signal.name}_endpoint instead"
                )
        return trimmed

    @model_validator(mode="after")
    def _has_an_endpoint(self) -> Self:
        if not self.carried:
            raise ValueError("has no endpoint; set endpoint: to the base URL of the target")
        return self

    @property
    def carried(self) -> list[Signal]:
        """The signals to send: those that have a URL."""
        return [signal for signal in super().carried if self.endpoint or self._whole(signal)]

    def url(self, signal: Signal) -> str:
        """Where to post a signal."""
        return self._whole(signal) or f"{self.endpoint or ''}{signal.path}"

    def _whole(self, signal: Signal) -> str | None:
        url: str | None = getattr(self, f"{signal.name}_endpoint")
        return url


def create(config: Config, *, name: str) -> "HttpForwarder":
    """A forwarder that keeps its connections while its `async with` lasts."""
    return HttpForwarder(config, name)


class HttpForwarder:
    """Posts to the URLs of `config`."""

    def __init__(self, config: Config, name: str) -> None:
        self._config = config
        self._name = name
        self._headers = {key.lower(): value.get_secret_value() for key, value in config.headers.items()}
        self._headers |= {"content-type": PROTOBUF, "user-agent": f"halo-sidecar/{VERSION}"}
        if config.compression == "gzip":
            self._headers["content-encoding"] = "gzip"

    async def __aenter__(self) -> Self:
        """Connects only when there is something to send; ConfigError when a file of `tls` cannot be used."""
        try:
            context = _context(self._config.tls)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"tls: {error}; correct the files") from error
        connector = aiohttp.TCPConnector(ssl=context, limit=self._config.sending_queue.num_consumers)
        timeout = aiohttp.ClientTimeout(total=self._config.timeout.total_seconds())
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        self._compressor = background_executor(self._config.sending_queue.num_consumers, f"halo-{self._name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        self._compressor.shutdown(wait=False)

    async def forward(self, signal: Signal, request: bytes) -> Receipt:
        """As `Forwarder.forward`."""
        body = request
        if self._config.compression == "gzip":
            body = await self._compressed(request)
        url, name = self._config.url(signal), self._config.tls.server_name_override or None
        answer = await post(self._session, url, body, self._headers, RETRYABLE_STATUSES, server_name=name)
        return receipt(signal, answer)

    async def _compressed(self, request: bytes) -> bytes:
        if len(request) <= _COMPRESSED_AT_ONCE_BYTES:
            return _gzipped(request)
        return await asyncio.get_running_loop().run_in_executor(self._compressor, _gzipped, request)


def _gzipped(request: bytes) -> bytes:
    """The fastest level: the processor is shared with the agent, the network to a backend is rarely the limit."""
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return compressor.compress(request) + compressor.flush()


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
