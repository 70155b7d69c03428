"""Is it alive, is it ready, how is it doing: for probes and for Prometheus; never any data.

`/` answers like the Collector's health check extension, `/livez` only says that the event loop turns,
`/readyz` names what is not ready, `/metrics` is Prometheus' text format.
"""

from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from aiohttp import web
from pydantic import Field

from api.listening import EndpointSetting, Listener
from domain.component import ComponentConfig
from domain.endpoint import Endpoint
from telemetry.exposition import CONTENT_TYPE, exposition

_NEVER = "0001-01-01T00:00:00Z"  # what the Collector says while it is not up


class Config(ComponentConfig):
    """The `health` part of halo.yaml."""

    endpoint: EndpointSetting = Field(
        default=Endpoint("127.0.0.1", 13133),
        description="Where health and metrics are served; 0.0.0.0:13133 for probes from outside the pod.",
    )


class Readiness:
    """What is not ready yet, by name; empty means ready."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self._reasons = dict(reasons)

    def ready(self, part: str) -> None:
        """This part is up."""
        self._reasons.pop(part, None)

    def unready(self, part: str, reason: str) -> None:
        """This part is not up, because."""
        self._reasons[part] = reason

    @property
    def reasons(self) -> list[str]:
        """`part: reason` for everything that is not up."""
        return [f"{part}: {reason}" for part, reason in self._reasons.items()]


class HealthServer:
    """Health and metrics, served between `async with`."""

    def __init__(self, config: Config, readiness: Readiness, *, now: Callable[[], datetime]) -> None:
        self._readiness = readiness
        self._now = now
        self._up_since = now()
        app = web.Application()
        app.router.add_get("/", self._status)
        app.router.add_get("/livez", self._live)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._listener = Listener(app, config.endpoint, "health.endpoint")

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens; the real port when port 0 was asked for."""
        return self._listener.endpoint

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.stop()

    async def _status(self, _: web.Request) -> web.Response:
        if self._readiness.reasons:
            return web.json_response({"status": "Server not available", "upSince": _NEVER, "uptime": ""}, status=503)
        up = self._now() - self._up_since
        since = self._up_since.isoformat().replace("+00:00", "Z")
        return web.json_response(
            {"status": "Server available", "upSince": since, "uptime": f"{round(up.total_seconds(), 3)}s"}
        )

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _: web.Request) -> web.Response:
        reasons = self._readiness.reasons
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": CONTENT_TYPE})
