"""What a user sets for each of the two OTLP servers."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from collector.otlp.attributes import DEFAULT_MAX_ATTRIBUTES
from collector.otlp.auth import AuthConfig
from collector.otlp.cors import CorsConfig
from collector.otlp.tls import TlsConfig
from domain.component import ComponentConfig
from domain.endpoint import parse_listening
from domain.quantities import Duration, Size

_MIB = 2**20
_WHERE = "Where to listen: host:port, port 0 lets the system choose; or unix:/path of a socket."


class ServerConfig(ComponentConfig):
    """One protocol's server."""

    insecure: bool = Field(
        default=False, description="Allow an endpoint that other machines can reach, without TLS or authentication."
    )
    transport: Literal["tcp", "unix"] = Field(
        default="tcp", description="unix: the endpoint is the path of a unix socket, as the Collector writes it."
    )
    tls: TlsConfig | None = Field(default=None, description="Serve over TLS.")
    auth: AuthConfig | None = Field(default=None, description="Take requests only from senders with credentials.")
    endpoint: str = Field(description=_WHERE)
    max_request_bytes: Size = Field(
        default=64 * _MIB, gt=0, description="The largest request, as sent and as unpacked; larger ones are refused."
    )
    max_attributes: int = Field(
        default=DEFAULT_MAX_ATTRIBUTES,
        gt=0,
        description="The most attributes of one span or log record; one with more is rejected, the others are kept.",
    )
    max_connections: int = Field(
        default=1_024, gt=0, description="Connections at once; further ones are closed until others end."
    )

    @field_validator("endpoint")
    @classmethod
    def _is_safe(cls, text: str, info: ValidationInfo) -> str:
        endpoint = parse_listening(text, is_path=info.data.get("transport") == "unix")
        is_guarded = any(info.data.get(name, True) for name in ("insecure", "tls", "auth"))
        if not endpoint.is_loopback and not is_guarded:
            port = text.rpartition(":")[2]
            raise ValueError(
                f"{endpoint} can be reached from other machines, without TLS or authentication; "
                f"use 127.0.0.1:{port}, set tls or auth, or set insecure: true beside it"
            )
        return str(endpoint)


class EnforcementPolicy(ComponentConfig):
    """What clients may do to keep connections alive."""

    min_time: Duration = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        description="The least time between two pings of a client; one that pings more often is disconnected.",
    )
    permit_without_stream: bool = Field(
        default=True, description="Whether clients may ping while no request is under way."
    )


class ServerParameters(ComponentConfig):
    """What the server does to keep connections alive, and when it ends them."""

    max_connection_idle: Duration | None = Field(
        default=None, gt=timedelta(0), description="End a connection without requests after this time."
    )
    max_connection_age: Duration | None = Field(
        default=None, gt=timedelta(0), description="End a connection at this age, so that clients spread anew."
    )
    max_connection_age_grace: Duration | None = Field(
        default=None, gt=timedelta(0), description="How long requests under way may take after max_connection_age."
    )
    time: Duration = Field(
        default=timedelta(hours=2), gt=timedelta(0), description="Ping a client that was silent for this long."
    )
    timeout: Duration = Field(
        default=timedelta(seconds=20), gt=timedelta(0), description="Disconnect when a ping is not answered in time."
    )


class KeepaliveConfig(ComponentConfig):
    """How connections are kept alive, with the Collector's names."""

    server_parameters: ServerParameters = Field(
        default_factory=ServerParameters, description="Pings of the server, and when it ends connections."
    )
    enforcement_policy: EnforcementPolicy = Field(
        default_factory=EnforcementPolicy, description="Pings of clients that are put up with."
    )


class GrpcConfig(ServerConfig):
    """The gRPC server."""

    endpoint: str = Field(default="127.0.0.1:4317", validate_default=True, description=_WHERE)
    max_concurrent_streams: int | None = Field(
        default=None, gt=0, le=2**31 - 1, description="Requests at once on one connection; not limited when not set."
    )
    detect_http: bool = Field(
        default=False,
        description="Answer HTTP requests that come to this port by mistake; costs some CPU for each byte.",
    )
    keepalive: KeepaliveConfig = Field(default_factory=KeepaliveConfig, description="How connections are kept alive.")

    @field_validator("detect_http")
    @classmethod
    def _has_a_port(cls, is_wanted: bool, info: ValidationInfo) -> bool:
        if is_wanted and str(info.data.get("endpoint", "")).startswith("unix:"):
            raise ValueError("nobody sends HTTP to a unix socket by mistake; remove it")
        return is_wanted

    @model_validator(mode="after")
    def _has_a_version_that_grpc_knows(self) -> Self:
        if self.tls is not None and self.tls.min_version != "1.2":
            raise ValueError("tls.min_version: the gRPC server cannot leave out TLS 1.2; remove it, or use http")
        return self


class HttpConfig(ServerConfig):
    """The HTTP server: `POST /v1/traces` and its like, protobuf or JSON."""

    endpoint: str = Field(default="127.0.0.1:4318", validate_default=True, description=_WHERE)
    cors: CorsConfig | None = Field(default=None, description="Let exporters in web pages send.")
    header_timeout: Duration = Field(
        default=timedelta(seconds=60), gt=timedelta(0), description="How long the header of a request may take."
    )
    idle_timeout: Duration = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="Close a connection without requests after this time.",
    )
