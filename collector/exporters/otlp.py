"""Sends each report as a trace into a tracing backend: the run and its findings as spans, linked to their evidence."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import aiohttp
import grpc
import structlog
from google.protobuf.message import DecodeError
from pydantic import Field, SecretStr, field_validator

from collector.outgoing import otlp_grpc
from collector.outgoing.http import is_http_url, post
from domain.component import ComponentConfig
from domain.otlp import ExportTraceServiceRequest, ExportTraceServiceResponse
from domain.quantities import Duration
from domain.report import Report
from domain.runs import Delivery
from rendering import spans

PATH = "/v1/traces"
RETRYABLE_STATUSES = frozenset((429, 502, 503, 504))  # https://opentelemetry.io/docs/specs/otlp/#failures-1

_log = structlog.get_logger(__name__)


class Config(ComponentConfig):
    """`exporters.otlp` of halo.yaml."""

    endpoint: str = Field(
        description="The backend, http://host:port or https://…; over HTTP, /v1/traces is added if it is not there."
    )
    protocol: Literal["grpc", "http"] = Field(default="grpc", description="OTLP over gRPC, or protobuf over HTTP.")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Headers (gRPC metadata) to send, such as an API key; kept secret."
    )
    timeout: Duration = Field(default=timedelta(seconds=10), description="How long one attempt may take.")

    @field_validator("endpoint")
    @classmethod
    def _is_http(cls, endpoint: str) -> str:
        if not is_http_url(endpoint) or urlsplit(endpoint).username is not None:
            raise ValueError("is no backend address; write http://host:port or https://host:port, secrets in headers")
        return endpoint.rstrip("/")

    @property
    def traces_url(self) -> str:
        """Where to post over HTTP."""
        return self.endpoint if self.endpoint.endswith(PATH) else self.endpoint + PATH


def create(config: Config, *, data_dir: Path) -> "OtlpExporter":
    """An exporter that connects anew for each attempt: reports are rare, and a kept channel backs off by itself."""
    return OtlpExporter(config)


class OtlpExporter:
    """Sends reports to `config.endpoint`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._headers = {key.lower(): value.get_secret_value() for key, value in config.headers.items()}
        self._timeout_s = config.timeout.total_seconds()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def export(
        self, delivery: Delivery, report: Report, markdown: str, evidence: Callable[[], bytes | None]
    ) -> None:
        """Send one report; its span ids derive from the run, so a repeat is the same trace."""
        send = self._call if self._config.protocol == "grpc" else self._post
        partial = (await send(spans.trace(report))).partial_success
        if partial.rejected_spans:
            said = partial.error_message[:200]
            _log.warning("report_spans_rejected", run_id=delivery.run_id, rejected=partial.rejected_spans, said=said)

    async def _call(self, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse:
        async with _channel(self._config.endpoint) as channel:
            return await otlp_grpc.export(channel, request, list(self._headers.items()), self._timeout_s)

    async def _post(self, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse:
        """An answer that cannot be read is taken as success: the status said so, and a retry would not change it."""
        headers = {**self._headers, "content-type": "application/x-protobuf"}
        url, content = self._config.traces_url, request.SerializeToString()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s)) as session:
            body = await post(session, url, content, headers, RETRYABLE_STATUSES)
        try:
            return ExportTraceServiceResponse.FromString(body)
        except DecodeError:
            return ExportTraceServiceResponse()


def _channel(endpoint: str) -> grpc.aio.Channel:
    parts = urlsplit(endpoint)
    target = f"{parts.hostname if ':' not in (parts.hostname or '') else f'[{parts.hostname}]'}:{parts.port or 4317}"
    if parts.scheme == "https":
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials())
    return grpc.aio.insecure_channel(target)
