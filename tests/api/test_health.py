"""Health endpoints over a real socket."""

from datetime import UTC, datetime, timedelta

import aiohttp

from api.health import Config, HealthServer, Readiness
from domain.endpoint import Endpoint
from telemetry.exposition import exposition
from telemetry.metrics import ACCEPTED_SPANS

START = datetime(2025, 3, 2, 12, 0, tzinfo=UTC)


async def test_probes_tell_alive_from_ready_and_say_what_is_missing() -> None:
    """A pod that is alive but not ready must be left alone, and an operator must see why."""
    times = iter([START, START + timedelta(seconds=90)])
    readiness = Readiness({"store": "opening", "receivers": "not started"})
    config = Config(endpoint=Endpoint("127.0.0.1", 0))
    async with HealthServer(config, readiness, now=lambda: next(times)) as server, aiohttp.ClientSession() as session:

        async def ask(path: str) -> tuple[int, dict[str, object]]:
            async with session.get(f"http://{server.endpoint}{path}") as answer:
                return answer.status, await answer.json()

        assert await ask("/livez") == (200, {"status": "alive"})
        assert await ask("/readyz") == (
            503,
            {"status": "not ready", "reasons": ["store: opening", "receivers: not started"]},
        )
        assert await ask("/") == (
            503,
            {"status": "Server not available", "upSince": "0001-01-01T00:00:00Z", "uptime": ""},
        )
        readiness.ready("store")
        readiness.ready("receivers")
        assert await ask("/readyz") == (200, {"status": "ready", "reasons": []})
        assert await ask("/") == (
            200,
            {"status": "Server available", "upSince": "2025-03-02T12:00:00Z", "uptime": "90.0s"},
        )
        readiness.unready("process", "stopping")
        assert (await ask("/readyz"))[0] == 503


async def test_metrics_are_in_prometheus_text_format() -> None:
    """Scrapers refuse other content types."""
    config = Config(endpoint=Endpoint("127.0.0.1", 0))
    async with (
        HealthServer(config, Readiness({}), now=lambda: START) as server,
        aiohttp.ClientSession() as session,
        session.get(f"http://{server.endpoint}/metrics") as answer,
    ):
        text = await answer.text()

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE halo_store_commits_total counter" in text
    assert "_created" not in text


async def test_the_collectors_metrics_have_its_names_and_the_client_librarys() -> None:
    """Dashboards made for the Collector ask for counters without a suffix, others with."""
    ACCEPTED_SPANS.labels("otlp/names", "grpc").inc(7)
    lines = exposition().decode().splitlines()
    labels = '{receiver="otlp/names",transport="grpc"} 7.0'

    assert f"otelcol_receiver_accepted_spans{labels}" in lines
    assert f"otelcol_receiver_accepted_spans_total{labels}" in lines
    assert "# TYPE otelcol_receiver_accepted_spans counter" in lines
    for name in ("otelcol_process_uptime", "otelcol_process_cpu_seconds", "otelcol_process_memory_rss"):
        assert next(float(line.split()[1]) for line in lines if line.startswith(f"{name} ")) > 0
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families)), "a family that comes twice is refused by scrapers"
