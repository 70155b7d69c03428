"""Health endpoints over a real socket."""

from datetime import UTC, datetime, timedelta

import aiohttp

from api.health import Config, HealthServer, Readiness
from domain.endpoint import Endpoint

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
        assert await ask("/") == (503, {"status": "Server not available"})
        readiness.ready("store")
        readiness.ready("receivers")
        assert await ask("/readyz") == (200, {"status": "ready", "reasons": []})
        assert await ask("/") == (
            200,
            {"status": "Server available", "upSince": START.isoformat(), "uptime": "90.0s"},
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
