"""The composition root: every part made, started in order, stopped in reverse.

Control data and the window come first and go last; receivers come last and go first, so that nothing is accepted
that could not be kept. Nobody but this module knows all the rooms.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import structlog

from api.health import HealthServer, Readiness
from api.server import ApiServer
from cli.config import HaloConfig
from collector.delivery import Outbox
from collector.pipeline import exporters, receiving
from scheduler.scheduler import Scheduler
from store.base import ControlStore
from store.control import open_control, protected_selections
from telemetry.logs import configure_logs

STOP_DEADLINE_S = 25.0
_UMASK = 0o027  # traces and reports hold prompts: not for every user of the machine
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = structlog.get_logger(__name__)


def run_sidecar(config: HaloConfig) -> int:
    """Serve until a signal comes; 0 after an orderly stop."""
    configure_logs(config.logging.level, config.logging.format)
    return asyncio.run(_serve_until_signal(config))


async def _serve_until_signal(config: HaloConfig) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _stop_now, stop, number)
    await serve(config, stop, announce=_say)
    return 0


def _stop_now(stop: asyncio.Event, number: signal.Signals) -> None:
    """Begin to stop in order; a second signal, or the deadline, ends the process at once.

    That is safe at any moment: what was acknowledged is on disk.
    """
    if stop.is_set():
        _give_up("second signal")
    _log.info("stopping", signal=number.name)
    stop.set()
    asyncio.get_running_loop().call_later(STOP_DEADLINE_S, _give_up, f"not stopped within {STOP_DEADLINE_S:g} s")


def _give_up(reason: str) -> None:
    _log.warning("stopped_at_once", reason=reason)
    sys.stderr.flush()
    os._exit(1)


def _say(line: str) -> None:
    print(line, flush=True)


async def serve(config: HaloConfig, stop: asyncio.Event, *, announce: Callable[[str], None]) -> None:
    """Run every part until `stop` is set; ConfigError when one cannot start."""
    readiness = Readiness({"sidecar": "starting"})
    async with AsyncExitStack() as parts:
        control = parts.enter_context(await asyncio.to_thread(open_control, config.data_dir))
        made = config.store.module.create(config.store.config, protected=lambda: protected_selections(control))
        store = await parts.enter_async_context(made)
        reports = exporters(config.exporters, data_dir=config.data_dir)
        await parts.enter_async_context(Outbox(config.delivery, reports, control))
        await parts.enter_async_context(_scheduler(config, control, list(reports)))
        api = ApiServer(config.api, window=store.reader(), control=control, now=_now)
        await parts.enter_async_context(api)
        health = HealthServer(config.health, readiness, now=_now)
        await parts.enter_async_context(health)
        receivers = await parts.enter_async_context(receiving(config.receivers, window=store.window))
        readiness.ready("sidecar")
        announce(
            f"Everything is ready. {_endpoints(receivers)}; API http://{api.endpoint}; "
            f"health http://{health.endpoint}; data in {config.data_dir}"
        )
        gc.freeze()  # and collections while serving need not walk through it
        gc.enable()
        await stop.wait()
        readiness.unready("sidecar", "stopping")
    _log.info("stopped")


def _now() -> datetime:
    return datetime.now(UTC)


def _scheduler(config: HaloConfig, control: ControlStore, exporter_ids: list[str]) -> Scheduler:
    return Scheduler(
        config.scheduler,
        control,
        directory=config.data_dir,
        exporters=exporter_ids,
        detectors=config.analysis.detectors,
        backend=config.store.id,
        log_level=config.logging.level,
        log_format=config.logging.format,
        now=_now,
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
