"""The OTLP exporter, against our own receiver and a plain web server."""

from pathlib import Path

import pytest

from collector.exporters import otlp
from domain.errors import PermanentError, RetryableError
from rendering import spans
from tests.collector.destination import Destination
from tests.collector.fakes import FakeWindow, delivery, no_evidence, report
from tests.collector.serving import receiver


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_report_becomes_a_trace_in_the_backend(protocol: str) -> None:
    """The backend here is our own receiver: OTLP out is OTLP in."""
    window = FakeWindow()
    async with receiver(window) as running:
        endpoint = running.grpc_endpoint if protocol == "grpc" else running.http_endpoint
        config = otlp.Config.model_validate({"endpoint": f"http://{endpoint}", "protocol": protocol})
        async with otlp.create(config, data_dir=Path("unused")) as exporter:
            await exporter.export(delivery(), report(), "# R", no_evidence)

    assert window.requests == [spans.trace(report()).SerializeToString()]
    assert window.spans[0].name == "halo.run"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_backend_that_refuses_is_understood(protocol: str) -> None:
    """Both protocols say the same three things: later, later at a time, never."""
    window = FakeWindow()
    async with receiver(window) as running:
        endpoint = running.grpc_endpoint if protocol == "grpc" else running.http_endpoint
        config = otlp.Config.model_validate({"endpoint": f"http://{endpoint}", "protocol": protocol})
        exporter = otlp.create(config, data_dir=Path("unused"))
        window.failure = RetryableError("busy", retry_after_s=3)
        with pytest.raises(RetryableError) as busy:
            await exporter.export(delivery(), report(), "", no_evidence)
        window.failure = PermanentError("no")
        with pytest.raises(PermanentError):
            await exporter.export(delivery(), report(), "", no_evidence)
    with pytest.raises(RetryableError):
        await exporter.export(delivery(), report(), "", no_evidence)

    assert busy.value.retry_after_s == 3


async def test_headers_reach_the_backend_and_never_a_log() -> None:
    """They carry API keys."""
    destination = Destination()
    async with destination.url("") as url:
        config = otlp.Config.model_validate({"endpoint": url, "protocol": "http", "headers": {"X-Api-Key": "k3y"}})
        await otlp.create(config, data_dir=Path("unused")).export(delivery(), report(), "", no_evidence)

    [(headers, _)] = destination.taken
    assert headers["x-api-key"] == "k3y"
    assert "k3y" not in repr(config)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://h:4318", "http://h:4318/v1/traces"),
        ("http://h:4318/", "http://h:4318/v1/traces"),
        ("https://h/api/otel", "https://h/api/otel/v1/traces"),
        ("http://h/v1/traces", "http://h/v1/traces"),
    ],
)
def test_the_traces_path_is_added_where_it_is_missing(endpoint: str, url: str) -> None:
    """People write either form, as the SDKs' two environment variables taught them."""
    assert otlp.Config(endpoint=endpoint).traces_url == url
