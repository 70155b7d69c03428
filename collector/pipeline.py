"""Builds the components that halo.yaml lists, and runs the receivers: all mistakes at once, all or none.

Components are named `type[/name]`; the type is found by `domain.component`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from collector.exporting import ReportExporter
from collector.keeping import Keeper
from collector.outgoing.forwarder import Forwarder
from collector.outgoing.settings import ForwarderConfig
from collector.processing import Processor
from collector.receiving import Receiver
from domain.component import ComponentConfig, load_component
from domain.errors import ConfigError
from domain.settings import read_settings

RECEIVERS = "collector.receivers"
PROCESSORS = "collector.processors"
FORWARDERS = "collector.forwarders"
EXPORTERS = "collector.exporters"


class Configured(NamedTuple):
    """A component of halo.yaml, found and checked but not running."""

    id: str
    module: ModuleType
    config: ComponentConfig


def configure(kinds: Mapping[str, Mapping[str, object]]) -> dict[str, list[Configured]]:
    """The components of each kind (`collector.receivers`) from their raw settings by id.

    ConfigError holds the problems of all of them, each under its path in halo.yaml (`receivers.otlp`).
    """
    problems: list[str] = []
    configured: dict[str, list[Configured]] = {}
    for kind, components in kinds.items():
        configured[kind] = []
        for component_id, raw in components.items():
            try:
                module = load_component(kind, component_id)
                config = read_settings(module.Config, _path(kind, component_id), raw)
                configured[kind].append(Configured(component_id, module, config))
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(problems)
    return configured


@asynccontextmanager
async def processing(processors: Sequence[Configured]) -> AsyncIterator[dict[str, Processor]]:
    """Run processors, by id, in the order of halo.yaml; ConfigError when one cannot start."""
    running: dict[str, Processor] = {}
    async with AsyncExitStack() as stack:
        for each in processors:
            made: Processor = each.module.create(each.config, name=each.id)
            running[each.id] = await stack.enter_async_context(made)
        yield running


@asynccontextmanager
async def receiving(
    receivers: Sequence[Configured], *, keeper: Keeper, ready: asyncio.Event | None = None
) -> AsyncIterator[dict[str, Receiver]]:
    """Run receivers, by id; requests wait until `ready` is set (None: ready now).

    ConfigError holds the problems of all that cannot start, and then none runs. They stop together, so that none
    still accepts while another finishes.
    """
    running: dict[str, Receiver] = {}
    stacks: list[AsyncExitStack] = []
    problems: list[str] = []
    try:
        for receiver in receivers:
            stack = AsyncExitStack()
            made: Receiver = receiver.module.create(receiver.config, name=receiver.id, keeper=keeper, ready=ready)
            try:
                running[receiver.id] = await stack.enter_async_context(made)
                stacks.append(stack)
            except ConfigError as error:
                problems += [f"{_path(RECEIVERS, receiver.id)}.{problem}" for problem in error.problems]
        if problems:
            raise ConfigError(problems)
        yield running
    finally:
        await asyncio.gather(*(stack.aclose() for stack in stacks))


def forwarders(configured: Sequence[Configured]) -> dict[str, Forwarder]:
    """Forwarders by id, for `Forwarding` to run."""
    return {each.id: each.module.create(each.config, name=each.id) for each in configured}


def forwarder_configs(configured: Sequence[Configured]) -> dict[str, ForwarderConfig]:
    """The settings of forwarders by id; ConfigError names one that lacks those which every forwarder has."""
    found: dict[str, ForwarderConfig] = {}
    for each in configured:
        if not isinstance(each.config, ForwarderConfig):
            raise ConfigError(f"{_path(FORWARDERS, each.id)}: its Config is no ForwarderConfig; derive it from that")
        found[each.id] = each.config
    return found


def exporters(configured: Sequence[Configured], *, data_dir: Path) -> dict[str, ReportExporter]:
    """Report exporters by id, for the delivery to run; `data_dir` is where the sidecar keeps its data."""
    return {each.id: each.module.create(each.config, data_dir=data_dir) for each in configured}


def _path(kind: str, component_id: str) -> str:
    return f"{kind.rpartition('.')[2]}.{component_id}"
