"""The settings that every forwarder has, under the names that the OpenTelemetry Collector gives them.

Sources: exporterhelper, configretry and configtls of https://github.com/open-telemetry/opentelemetry-collector.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from domain.component import ComponentConfig
from domain.quantities import Duration, Size
from domain.signals import SIGNALS, Signal
from store.forwarding import Bound

MIB, GIB = 2**20, 2**30
SignalName = Literal["traces", "logs", "metrics", "profiles"]
_ALL: list[SignalName] = ["traces", "logs", "metrics", "profiles"]


class Tls(ComponentConfig):
    """How the connection is secured; the system's certificate authorities are trusted unless told otherwise."""

    insecure: bool = Field(default=False, description="Send in the clear; the same as an http:// endpoint.")
    ca_file: Path | None = Field(default=None, description="PEM file of the authorities that sign the target.")
    cert_file: Path | None = Field(default=None, description="PEM certificate to show to the target (mTLS).")
    key_file: Path | None = Field(default=None, description="PEM key of cert_file.")
    server_name_override: str = Field(default="", description="The name in the target's certificate, if another.")

    @field_validator("ca_file", "cert_file", "key_file")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}; correct the path")
        return path

    @model_validator(mode="after")
    def _is_a_pair(self) -> "Tls":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together; set both or neither")
        return self


class RetryOnFailure(ComponentConfig):
    """When a request that failed for a passing reason is sent again."""

    enabled: bool = Field(default=True, description="Send again; if not, every failure drops the request.")
    initial_interval: Duration = Field(
        default=timedelta(seconds=1), gt=timedelta(0), description="The wait after a first failure."
    )
    multiplier: float = Field(default=1.5, ge=1, description="By how much each further wait is longer.")
    randomization_factor: float = Field(
        default=0.5, ge=0, le=1, description="The share by which a wait may be shorter or longer, by chance."
    )
    max_interval: Duration = Field(
        default=timedelta(seconds=30), gt=timedelta(0), description="The longest wait between two attempts."
    )
    max_elapsed_time: Duration = Field(
        default=timedelta(0), description="How long a request is tried before it is dropped; 0 is as long as it takes."
    )


class SendingQueue(ComponentConfig):
    """What waits on disk for the target."""

    enabled: bool = Field(default=True, description="Always on: what was acknowledged must not be lost.")
    num_consumers: int = Field(default=4, ge=1, le=64, description="Requests sent at the same time.")
    max_bytes: Size = Field(
        default=GIB, ge=MIB, description="Compressed bytes that may wait; beyond that the oldest are dropped."
    )
    queue_size: int | None = Field(
        default=None, ge=1, description="How many requests (or what `sizer` names) may wait; none: only bytes count."
    )
    sizer: Literal["requests", "items", "bytes"] = Field(default="requests", description="What queue_size counts.")
    storage: str | None = Field(
        default=None, description="Accepted as the Collector writes it; the queue is always on disk."
    )
    max_age: Duration | None = Field(
        default=None, gt=timedelta(0), description="What has waited longer is dropped; none: it waits on."
    )
    drain_timeout: Duration = Field(
        default=timedelta(seconds=5),
        le=timedelta(seconds=10),
        description="How long sending goes on when the sidecar stops; the rest is sent after the next start.",
    )

    @field_validator("enabled")
    @classmethod
    def _stays_on(cls, enabled: bool) -> bool:
        if not enabled:
            raise ValueError("the queue cannot be switched off: it holds what was acknowledged; remove this line")
        return enabled

    @property
    def bound(self) -> Bound:
        """The limits as the queue wants them."""
        size = self.queue_size
        counted_bytes = size if size is not None and self.sizer == "bytes" else self.max_bytes
        return Bound(
            min(self.max_bytes, counted_bytes),
            max_requests=size if self.sizer == "requests" else None,
            max_items=size if self.sizer == "items" else None,
            max_age_ns=int(self.max_age.total_seconds() * 1e9) if self.max_age is not None else None,
        )


class ForwarderConfig(ComponentConfig):
    """What the `Config` of every forwarder has; subclasses add where to send."""

    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Headers (gRPC metadata) to send, such as an API key; kept secret."
    )
    compression: Literal["gzip", "none"] = Field(default="gzip", description="How requests are compressed.")
    tls: Tls = Field(default=Tls(), description="How the connection is secured.")
    max_request_bytes: Size = Field(
        default=3 * MIB,
        ge=1024,
        description="Requests are joined up to this size, and larger ones are cut, if they can be.",
    )
    signals: list[SignalName] = Field(default=_ALL, min_length=1, description="The signals that this target is sent.")
    retry_on_failure: RetryOnFailure = Field(default=RetryOnFailure(), description="When a request is sent again.")
    sending_queue: SendingQueue = Field(default=SendingQueue(), description="What waits on disk for the target.")

    @field_validator("tls", "retry_on_failure", "sending_queue", mode="before")
    @classmethod
    def _null_means_defaults(cls, raw: Any) -> Any:
        return {} if raw is None else raw

    @property
    def carried(self) -> list[Signal]:
        """The signals to send."""
        return [signal for signal in SIGNALS if signal.name in self.signals]
