"""A receiver whose listeners are set up one by one, certificates made for the occasion, and raw connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from collector.keeping import Keeper
from collector.receivers.otlp import Config, OtlpReceiver, create
from domain.settings import read_settings
from tests.collector.fakes import FakeWindow

ANYWHERE = "127.0.0.1:0"


@asynccontextmanager
async def listening(
    window: FakeWindow, ready: asyncio.Event | None = None, **protocols: dict[str, Any]
) -> AsyncIterator[OtlpReceiver]:
    """A receiver with the settings of `grpc` and `http`, on free ports unless they name an endpoint."""
    listeners = {name: {"endpoint": ANYWHERE, **settings} for name, settings in protocols.items()}
    config = read_settings(Config, "receivers.otlp", {"protocols": listeners})
    async with create(config, keeper=Keeper(window), ready=ready) as running:
        yield running


class Certificates:
    """An authority, and files of what it signed."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self._directory = directory
        self.ca_file = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def server(self, name: str = "server") -> dict[str, str]:
        """A server's `tls` settings; the same name is written over the same files."""
        cert_file, key_file = self.pair(name)
        return {"cert_file": str(cert_file), "key_file": str(key_file)}

    def replace(self, settings: dict[str, str], setting: str, other: dict[str, str]) -> None:
        """Write the file of another certificate over the one that settings name."""
        Path(settings[setting]).write_bytes(Path(other[setting]).read_bytes())

    def locked(self, key_file: str) -> str:
        """The same key behind a passphrase."""
        key = load_pem_private_key(Path(key_file).read_bytes(), None)
        path = self._directory / "locked.key"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret"))
        )
        return str(path)

    def pair(self, name: str) -> tuple[Path, Path]:
        """(certificate chain, key) for this machine."""
        leaf = self._authority.issue_cert("localhost", "127.0.0.1", common_name=name)
        cert_file, key_file = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        leaf.private_key_pem.write_to_path(str(key_file))
        cert_file.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        return cert_file, key_file


def finished_spans(count: int = 3) -> list[ReadableSpan]:
    """Spans as the SDK hands them to an exporter."""
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for number in range(count):
        with provider.get_tracer("test").start_as_current_span("step", attributes={"n": number}):
            pass
    provider.shutdown()
    return list(memory.get_finished_spans())


async def say(endpoint: Any, *texts: bytes) -> bytes:
    """Write to a plain connection, and read what comes until the other side closes it."""
    reader, writer = await asyncio.open_connection(*endpoint)
    for text in texts:
        writer.write(text)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
