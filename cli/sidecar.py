"""The composition root: every part made, started in order, stopped in reverse.

Control data and the window come first and go last; receivers come last and go first, so that nothing is accepted
that could not be kept. Nobody but this module knows all the rooms.
"""

import asyncio
import gc
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from api.health import HealthServer, Readiness
from api.server import ApiServer
from cli.config import HaloConfig
from cli.live import follower_of, health_of, triggers_of
from cli.reconciling import reconciled, requests_received, span_accounts
from cli.reloading import Reloading
from cli.stopping import Stopping
from collector.delivery import Outbox
from collector.forwarding import Forwarding, bounds, targets
from collector.keeping import Keeper
from collector.pipeline import exporters, forwarder_configs, forwarders, receiving
from scheduler.scheduler import Scheduler
from store.base import ControlStore, WindowReader
from store.control import open_control, protected_selections
from store.queue import SqliteForwardQueue, is_left_behind
from telemetry.logs import configure_logs

_UMASK = 0o027  # traces and reports hold prompts: not for every user of the machine
_log = structlog.get_logger(__name__)


def run_sidecar(read: Callable[[], HaloConfig], *, exit_when_idle: timedelta | None = None) -> int:
    """Serve until a signal comes, or nothing else for so long; 0 after an orderly stop.

    `read` reads the configuration, now and again on SIGHUP.
    """
    config = read()
    configure_logs(config.logging.level, config.logging.format)
    return asyncio.run(_serve_until_asked(config, read, exit_when_idle))


async def _serve_until_asked(
    config: HaloConfig, read: Callable[[], HaloConfig], exit_when_idle: timedelta | None
) -> int:
    stopping = Stopping(config.shutdown)
    stopping.listen()
    async with AsyncExitStack() as parts:
        if exit_when_idle:
            watch = asyncio.create_task(stopping.ask_when_idle(requests_received, exit_when_idle), name="idle")
            parts.callback(watch.cancel)
        await serve(config, read, stopping, announce=_say)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


async def serve(
    config: HaloConfig, read: Callable[[], HaloConfig], stopping: Stopping, *, announce: Callable[[str], None]
) -> None:
    """Run every part until it is asked to stop; ConfigError when one cannot start."""
    readiness, ready = Readiness({"sidecar": "starting"}), asyncio.Event()
    async with AsyncExitStack() as parts:
        control = parts.enter_context(await asyncio.to_thread(open_control, config.data_dir))
        store = await parts.enter_async_context(_store(config, control))
        reports = exporters(config.exporters, data_dir=config.data_dir)
        await parts.enter_async_context(Outbox(config.delivery, reports, control))
        scheduler = await parts.enter_async_context(_scheduler(config, store.reader(), control, list(reports)))
        health_of_agents = health_of(config, store.reader())
        api = ApiServer(
            config.api,
            window=store.reader(),
            control=control,
            now=_now,
            health=health_of_agents,
            model=config.engine.model,
            can_ask=config.engine.can_ask(os.environ),
        )
        await parts.enter_async_context(api)
        health = HealthServer(config.health, readiness, now=_now)
        await parts.enter_async_context(health)
        queue = await _forward_queue(config, parts)
        keeper = Keeper(store.window, None, queue, targets(forwarder_configs(config.forwarders)))
        await parts.enter_async_context(Reloading(config, read, keeper))
        receivers = await parts.enter_async_context(receiving(config.receivers, keeper=keeper, ready=ready))
        ready.set()
        readiness.ready("sidecar")
        announce(
            f"Everything is ready. {_endpoints(receivers)}; API http://{api.endpoint}; "
            f"health http://{health.endpoint}; data in {config.data_dir}"
        )
        gc.freeze()  # and collections while serving need not walk through it
        gc.enable()
        await stopping.asked()
        readiness.unready("sidecar", "stopping")
        scheduler.take_no_more()
        await stopping.linger()
    tallies = {each.id: queue.tally(each.id) for each in config.forwarders} if queue else {}
    _log.info("reconciled", **reconciled(span_accounts(), tallies))
    _log.info("stopped")


async def _forward_queue(config: HaloConfig, parts: AsyncExitStack) -> SqliteForwardQueue | None:
    """The queue, with the forwarders that empty it running; None without forwarders.

    Then a queue from an earlier start is opened all the same, once, so that it is told what nobody will be sent.
    """
    configs = forwarder_configs(config.forwarders)
    if not configs and not await asyncio.to_thread(is_left_behind, config.data_dir):
        return None
    queue = await parts.enter_async_context(SqliteForwardQueue(config.data_dir, bounds(configs)))
    await parts.enter_async_context(Forwarding(configs, forwarders(config.forwarders), queue))
    return queue


def _now() -> datetime:
    return datetime.now(UTC)


def _store(config: HaloConfig, control: ControlStore) -> Any:
    return config.store.module.create(
        config.store.config,
        protected=lambda: protected_selections(control),
        follower=follower_of(config),
        keep_live=config.analysis.live.keep_for,
    )


def _scheduler(config: HaloConfig, window: WindowReader, control: ControlStore, exporter_ids: list[str]) -> Scheduler:
    return Scheduler(
        config.scheduler,
        control,
        directory=config.data_dir,
        exporters=exporter_ids,
        detectors=config.analysis.detectors,
        engine=config.engine,
        backend=config.store.id,
        log_level=config.logging.level,
        log_format=config.logging.format,
        now=_now,
        triggers=triggers_of(config, window, control, _now),
    )


def _endpoints(receivers: Mapping[str, Any]) -> str:
    """`OTLP gRPC 127.0.0.1:4317, HTTP 127.0.0.1:4318`, as far as receivers tell where they listen."""
    protocols = (("gRPC", "grpc_endpoint"), ("HTTP", "http_endpoint"))
    told = [
        f"{label} {endpoint}"
        for receiver in receivers.values()
        for label, name in protocols
        if (endpoint := getattr(receiver, name, None)) is not None
    ]
    return f"OTLP {', '.join(told)}" if told else f"Receivers: {', '.join(receivers) or 'none'}"
