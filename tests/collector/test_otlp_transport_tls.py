"""TLS and mutual TLS of both listeners: stock exporters get through, everybody else fails cleanly."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from collector.receivers.otlp import Config, OtlpReceiver
from domain.errors import ConfigError
from domain.settings import read_settings
from tests.collector.fakes import FakeWindow
from tests.collector.listening import Certificates, finished_spans, listening, say
from tests.collector.serving import until

HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Without the variables that `requests` prefers to what an exporter is told."""
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    return Certificates(tmp_path)


Pair = tuple[Path, Path]


def _exporter(protocol: str, running: OtlpReceiver, ca: Path, pair: Pair | None, timeout_s: float = 30) -> SpanExporter:
    """An exporter that gives up after a time: short where it is to fail."""
    if protocol == "http":
        return HttpExporter(
            f"https://{running.http_endpoint}/v1/traces",
            certificate_file=str(ca),
            client_certificate_file=str(pair[0]) if pair else None,
            client_key_file=str(pair[1]) if pair else None,
            timeout=timeout_s,
        )
    chain, key = (pair[0].read_bytes(), pair[1].read_bytes()) if pair else (None, None)
    credentials = grpc.ssl_channel_credentials(ca.read_bytes(), key, chain)
    return GrpcExporter(f"https://{running.grpc_endpoint}", credentials=credentials, timeout=timeout_s)


async def _export(exporter: SpanExporter) -> SpanExportResult:
    try:
        return await asyncio.to_thread(exporter.export, finished_spans(3))
    finally:
        await asyncio.to_thread(exporter.shutdown)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_stock_exporter_sends_over_tls(protocol: str, certificates: Certificates) -> None:
    """Prompts cross machines in clusters; the exporters' own settings must be enough."""
    window, tls = FakeWindow(), certificates.server()
    async with listening(window, grpc={"tls": tls}, http={"tls": tls}) as running:
        result = await _export(_exporter(protocol, running, certificates.ca_file, None))

    assert result is SpanExportResult.SUCCESS
    assert len(window.spans) == 3


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_mutual_tls_lets_in_only_certificates_of_its_authority(
    protocol: str, certificates: Certificates, tmp_path: Path
) -> None:
    """A client_ca_file that were only asked for, and not required, would guard nothing."""
    (tmp_path / "other").mkdir()
    stranger = Certificates(tmp_path / "other").pair("stranger")
    window, tls = FakeWindow(), {**certificates.server(), "client_ca_file": str(certificates.ca_file)}
    async with listening(window, grpc={"tls": tls}, http={"tls": tls}) as running:
        outcomes = [
            await _export(_exporter(protocol, running, certificates.ca_file, pair, timeout_s))
            for pair, timeout_s in ((None, 1), (stranger, 1), (certificates.pair("client"), 30))
        ]

    assert outcomes == [SpanExportResult.FAILURE, SpanExportResult.FAILURE, SpanExportResult.SUCCESS]
    assert len(window.spans) == 3


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_plain_client_at_a_tls_port_is_disconnected(protocol: str, certificates: Certificates) -> None:
    """It must see an end, not a silence, and the next client must find the server well."""
    window, tls = FakeWindow(), certificates.server()
    async with listening(window, grpc={"tls": tls}, http={"tls": tls}) as running:
        endpoint = running.grpc_endpoint if protocol == "grpc" else running.http_endpoint
        answer = await say(endpoint, HEAD)
        result = await _export(_exporter(protocol, running, certificates.ca_file, None))

    assert b"HTTP" not in answer
    assert result is SpanExportResult.SUCCESS


async def test_versions_below_the_least_one_are_refused(certificates: Certificates) -> None:
    """Who sets 1.3 has a policy to fulfil."""
    tls = {**certificates.server(), "min_version": 1.3}
    old = ssl.create_default_context(cafile=str(certificates.ca_file))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    new = ssl.create_default_context(cafile=str(certificates.ca_file))
    async with listening(FakeWindow(), http={"tls": tls}) as running, aiohttp.ClientSession() as session:
        url = f"https://{running.http_endpoint}/v1/traces"
        async with session.post(url, json={}, ssl=new) as answer:
            status = answer.status
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(url, json={}, ssl=old)

    assert status == 200


async def _shown(endpoint: Any, certificates: Certificates) -> str:
    """The name in the certificate that a server shows."""
    context = ssl.create_default_context(cafile=str(certificates.ca_file))
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection(*endpoint, ssl=context)
    subject = writer.get_extra_info("peercert")["subject"]
    writer.close()
    return {name: value for part in subject for name, value in part}["commonName"]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_renewed_certificate_is_used_without_a_restart(protocol: str, certificates: Certificates) -> None:
    """Certificates of clusters live for hours; a broken renewal must not take the one that works."""
    tls = {**certificates.server("first"), "reload_interval": "5ms"}
    renewed = certificates.server("renewed")
    async with listening(FakeWindow(), **{protocol: {"tls": tls}}) as running:
        endpoint = running.grpc_endpoint or running.http_endpoint
        shown = [await _shown(endpoint, certificates)]
        with capture_logs() as logs:
            certificates.replace(tls, "cert_file", renewed)
            await until(lambda: [each["event"] for each in logs] == ["certificate_not_renewed"])
            shown.append(await _shown(endpoint, certificates))
            certificates.replace(tls, "key_file", renewed)
            await until(lambda: "certificate_renewed" in [each["event"] for each in logs])
        shown.append(await _shown(endpoint, certificates))

    assert shown == ["first", "first", "renewed"]
    assert "the key does not belong to the certificate" in logs[0]["problem"]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_replaced_authority_is_no_longer_trusted(
    protocol: str, certificates: Certificates, tmp_path: Path
) -> None:
    """An authority is replaced because its key was lost; who has it must not get in until the next restart."""
    (tmp_path / "new").mkdir()
    newer, old_pair = Certificates(tmp_path / "new"), certificates.pair("client")
    client_ca = {"client_ca_file": str(tmp_path / "clients.pem")}
    certificates.replace(client_ca, "client_ca_file", {"client_ca_file": str(certificates.ca_file)})
    tls = {**certificates.server(), **client_ca, "reload_interval": "5ms"}
    async with listening(FakeWindow(), **{protocol: {"tls": tls}}) as running:
        outcomes = [await _export(_exporter(protocol, running, certificates.ca_file, old_pair))]
        with capture_logs() as logs:
            certificates.replace(client_ca, "client_ca_file", {"client_ca_file": str(newer.ca_file)})
            await until(lambda: "certificate_renewed" in [each["event"] for each in logs])
        for pair, timeout_s in ((old_pair, 1), (newer.pair("client"), 30)):
            outcomes.append(await _export(_exporter(protocol, running, certificates.ca_file, pair, timeout_s)))

    assert outcomes == [SpanExportResult.SUCCESS, SpanExportResult.FAILURE, SpanExportResult.SUCCESS]


def _problem(raw: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as mistake:
        read_settings(Config, "receivers.otlp", {"protocols": raw})
    return "; ".join(mistake.value.problems)


def test_settings_that_cannot_serve_tls_name_the_fix() -> None:
    """Half a configuration must not become a plain listener."""
    half = "provide both certificate and key, or neither: set cert_file and key_file"
    both = {"cert_file": "c", "key_file": "k"}

    assert _problem({"http": {"tls": {"cert_file": "c"}}}) == f"receivers.otlp.protocols.http.tls: {half}"
    assert _problem({"http": {"tls": {"key_file": "k"}}}) == f"receivers.otlp.protocols.http.tls: {half}"
    assert _problem({"http": {"tls": {}}}).endswith("tls: needs cert_file and key_file; set both, or remove tls")
    assert "input should be '1.2' or '1.3', got '1.1'" in _problem({"http": {"tls": {**both, "min_version": 1.1}}})
    assert "cannot leave out TLS 1.2; remove it, or use http" in _problem(
        {"grpc": {"tls": {**both, "min_version": 1.3}}}
    )


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(
    ("setting", "content", "problem"),
    [
        ("cert_file", None, "cert_file: cannot read {path}: No such file or directory; correct the path"),
        ("key_file", None, "key_file: cannot read {path}: No such file or directory; correct the path"),
        ("client_ca_file", None, "client_ca_file: cannot read {path}: No such file or directory"),
        ("cert_file", "no PEM", "cert_file: {path} and "),
        ("client_ca_file", "no PEM", "client_ca_file: {path} holds no certificate, PEM; correct it"),
    ],
)
async def test_files_that_cannot_be_used_are_named_at_the_start(
    protocol: str, setting: str, content: str | None, problem: str, certificates: Certificates, tmp_path: Path
) -> None:
    """gRPC would start, and fail every handshake without a word."""
    path = tmp_path / "wrong"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as mistake:
        async with listening(FakeWindow(), **{protocol: {"tls": {**certificates.server(), setting: str(path)}}}):
            pass

    assert len(mistake.value.problems) == 1
    assert mistake.value.problems[0].startswith(f"protocols.{protocol}.tls.{problem.format(path=path)}")


async def test_a_key_of_another_certificate_or_behind_a_passphrase_is_said_so(certificates: Certificates) -> None:
    """Asking for the passphrase on the terminal would hang a container for ever."""
    tls, other = certificates.server(), certificates.server("other")
    said = []
    for key_file in (other["key_file"], certificates.locked(tls["key_file"])):
        with pytest.raises(ConfigError) as mistake:
            async with listening(FakeWindow(), http={"tls": {**tls, "key_file": key_file}}):
                pass
        said.append(str(mistake.value))

    assert "the key does not belong to the certificate" in said[0]
    assert "the key is encrypted; store it without a passphrase" in said[1]


@pytest.mark.parametrize("guard", [{"tls": {"cert_file": "c", "key_file": "k"}}, {"auth": {"bearer": "t"}}])
def test_tls_or_authentication_opens_the_listener_to_other_machines(guard: dict[str, Any]) -> None:
    """Otherwise it takes insecure: true, which says what it is."""
    open_to_all = {"endpoint": "0.0.0.0:4318"}
    config = read_settings(Config, "receivers.otlp", {"protocols": {"http": {**open_to_all, **guard}}})

    assert config.protocols.http is not None
    assert config.protocols.http.endpoint == "0.0.0.0:4318"
    assert "set tls or auth" in _problem({"http": open_to_all})
