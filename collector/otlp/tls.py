"""TLS of a listener: certificates read, checked and renewed while it runs.

Both servers' files are checked with the same library, because gRPC says nothing about a certificate that it cannot
use: it accepts connections and fails each handshake.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import structlog
from pydantic import Field, WithJsonSchema, field_validator, model_validator

from domain.component import ComponentConfig
from domain.errors import ConfigError
from domain.quantities import Duration

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_log = structlog.get_logger(__name__)


class TlsConfig(ComponentConfig):
    """A listener's certificate, and whether clients must show one too."""

    cert_file: Path | None = Field(
        default=None, description="The certificate, PEM, followed by the chain up to the authority that clients trust."
    )
    key_file: Path | None = Field(default=None, description="The certificate's private key, PEM, not encrypted.")
    client_ca_file: Path | None = Field(
        default=None,
        description="Authorities, PEM, that sign client certificates; if set, a client without one is refused (mTLS).",
    )
    min_version: Annotated[Literal["1.2", "1.3"], WithJsonSchema({"enum": ["1.2", "1.3", 1.2, 1.3]})] = Field(
        default="1.2", description="The oldest version of TLS to accept; over gRPC only 1.2."
    )
    reload_interval: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        description="How often to look whether the files changed and use the new ones; never when not set.",
    )

    @field_validator("min_version", mode="before")
    @classmethod
    def _number_as_text(cls, value: object) -> object:
        """YAML reads 1.2 as a number."""
        return str(value) if isinstance(value, float) else value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.cert_file is None and self.key_file is None:
            raise ValueError("needs cert_file and key_file; set both, or remove tls")
        if self.cert_file is None or self.key_file is None:
            raise ValueError("provide both certificate and key, or neither: set cert_file and key_file")
        return self


class Certificates(NamedTuple):
    """The content of the files, PEM."""

    chain: bytes
    key: bytes
    client_ca: bytes | None


def server_context(tls: TlsConfig) -> ssl.SSLContext:
    """What a server on plain sockets needs, from the files as they are; ConfigError names one that cannot be used."""
    read_certificates(tls)
    assert tls.cert_file is not None, "checked when the settings were read"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=_refuse_encrypted)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"tls.cert_file: {tls.cert_file} and {tls.key_file}: {_said(error)}") from error
    if tls.client_ca_file is None:
        return context
    try:
        context.load_verify_locations(tls.client_ca_file)
    except ssl.SSLError as error:
        raise ConfigError(f"tls.client_ca_file: {tls.client_ca_file} holds no certificate, PEM; correct it") from error
    context.verify_mode = ssl.CERT_REQUIRED
    # A resumed session would not be asked for its certificate, also when its authority has been replaced.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


class RenewableContext:
    """A context to listen with, whose handshakes use the newest files.

    Loading into the context itself would add an authority and leave the old one trusted.
    """

    def __init__(self, tls: TlsConfig) -> None:
        """ConfigError as `server_context`."""
        self._tls = tls
        self._newest = server_context(tls)
        self.made = server_context(tls)
        self.made.sni_callback = self._choose

    def renew(self, _: Certificates) -> None:
        """Use the files as they are from the next handshake on."""
        self._newest = server_context(self._tls)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest


def read_certificates(tls: TlsConfig) -> Certificates:
    """The files' bytes; ConfigError names the setting and the path that cannot be read."""
    chain, key = _read("cert_file", tls.cert_file), _read("key_file", tls.key_file)
    return Certificates(chain or b"", key or b"", _read("client_ca_file", tls.client_ca_file))


@asynccontextmanager
async def renewing(tls: TlsConfig | None, apply: Callable[[Certificates], None]) -> AsyncIterator[None]:
    """While the `with` lasts, look every `reload_interval` whether the files changed; hand over what can be used."""
    if tls is None or tls.reload_interval is None:
        yield
        return
    task = asyncio.create_task(_renew(tls, tls.reload_interval.total_seconds(), apply))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _renew(tls: TlsConfig, interval_s: float, apply: Callable[[Certificates], None]) -> None:
    known = judged = read_certificates(tls)
    while True:
        await asyncio.sleep(interval_s)
        try:
            judged, before = read_certificates(tls), judged
            if judged in (known, before):
                continue
            server_context(tls)
            apply(judged)
        except ConfigError as error:
            _log.warning("certificate_not_renewed", problem=str(error))
            continue
        known = judged
        _log.info("certificate_renewed", cert_file=str(tls.cert_file))


def _read(setting: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        fix = "correct the path or let this user read the file"
        raise ConfigError(f"tls.{setting}: cannot read {path}: {error.strerror}; {fix}") from error


def _refuse_encrypted() -> str:
    """Instead of a question on the terminal, which nobody answers."""
    raise ValueError("the key is encrypted; store it without a passphrase")


def _said(error: Exception) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    if reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate; set the pair that was made together"
    if reason is None and not isinstance(error, ssl.SSLError):
        return str(error)
    return "no certificate and key, PEM, that can be used; correct the files"
