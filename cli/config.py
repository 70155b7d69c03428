"""halo.yaml as one value for each room; every mistake at once, each as `path: what; fix`.

Nobody passes the whole around: the composition root hands each room its own part.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, field_validator

from api.health import Config as HealthConfig
from api.server import Config as ApiConfig
from cli.layers import Settings, read_layers
from cli.looping import loops
from cli.stopping import ShutdownConfig
from collector.delivery import DeliveryConfig
from collector.pipeline import EXPORTERS, FORWARDERS, PROCESSORS, RECEIVERS, Configured, configure
from domain.component import ComponentConfig, load_component
from domain.errors import ConfigError
from domain.quantities import Duration, Size
from domain.settings import read_settings
from scheduler.engine_settings import EngineSettings
from scheduler.scheduler import Config as SchedulerConfig
from scheduler.triggers import Config as TriggersConfig

BACKENDS = "store.backends"
DEFAULT_BACKEND = "sqlite"
DEFAULTS: Mapping[str, Settings] = {
    "receivers": {"otlp": {"protocols": {"grpc": {}, "http": {}}}},
    "processors": {"memory_limiter": {}},
    "exporters": {"file": {}},
}
SECTIONS = (
    "receivers",
    "processors",
    "forwarders",
    "store",
    "scheduler",
    "analysis",
    "engine",
    "exporters",
    "delivery",
    "api",
    "health",
    "logging",
    "shutdown",
)
_LATER = {
    "service": "HALO has one pipeline and needs no service section; remove it, and send spans on with `forwarders`",
    "connectors": "HALO has one pipeline and no connectors; remove it",
    "extensions": "HALO has no extensions; health checks are under `health`, remove it",
}
_EXAMPLES = {"receivers": "otlp", "processors": "redact", "forwarders": "otlp_grpc", "exporters": "file"}
_COLLECTOR_ONLY = frozenset(("sending_queue", "retry_on_failure", "tls", "compression", "auth", "balancer_name"))
Part = TypeVar("Part")
DetectorCheck = Callable[[Mapping[str, Any]], list[str]]
"""The problems of `analysis.detectors`; the caller decides in which process they are looked for."""


class LoggingConfig(ComponentConfig):
    """The `logging` part of halo.yaml."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    format: Literal["console", "json"] = Field(default="console", description="For people, or one JSON object a line.")


class LiveConfig(ComponentConfig):
    """The `analysis.live` part of halo.yaml: what is counted while spans land, and how much memory that may take."""

    enabled: bool = Field(
        default=True, description="Count live, for `halo agent get`, alarms and triggers; about 8 µs a span."
    )
    keep_for: Duration = Field(
        default=timedelta(days=3),
        gt=timedelta(0),
        description="How long the counts of each minute are kept; never longer than store.retention.max_age.",
    )
    max_state_bytes: Size = Field(
        default=32 * 2**20,
        ge=2**20,
        description="Memory for traces that may still grow; the oldest are given up.",
    )
    max_trace_bytes: Size = Field(
        default=256 * 2**10, ge=2**12, description="Memory for one trace; of a longer one only the length is counted."
    )
    max_bucket_bytes: Size = Field(
        default=16 * 2**20, ge=2**20, description="Memory for the counts of all agents; the oldest are dropped."
    )
    max_labels: int = Field(
        default=5_000, ge=1, description="Names of tools, models and errors counted apart for each agent."
    )


class AnalysisConfig(ComponentConfig):
    """The `analysis` part of halo.yaml."""

    live: LiveConfig = Field(default=LiveConfig(), description="What is counted while spans land.")
    triggers: TriggersConfig = Field(default=TriggersConfig(), description="Which alarms start an analysis.")
    detectors: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings of detectors by type; those not named use their defaults."
    )

    @field_validator("detectors", mode="before")
    @classmethod
    def _null_means_defaults(cls, raw: Any) -> Any:
        return {name: {} if value is None else value for name, value in raw.items()} if isinstance(raw, dict) else raw


MODELS: Mapping[str, type[ComponentConfig]] = {
    "delivery": DeliveryConfig,
    "scheduler": SchedulerConfig,
    "analysis": AnalysisConfig,
    "engine": EngineSettings,
    "logging": LoggingConfig,
    "shutdown": ShutdownConfig,
    "api": ApiConfig,
    "health": HealthConfig,
}


@dataclass(frozen=True)
class HaloConfig:
    """What each room is given."""

    store: Configured
    data_dir: Path
    receivers: list[Configured]
    processors: list[Configured]
    forwarders: list[Configured]
    exporters: list[Configured]
    delivery: DeliveryConfig
    scheduler: SchedulerConfig
    analysis: AnalysisConfig
    engine: EngineSettings
    api: ApiConfig
    health: HealthConfig
    logging: LoggingConfig
    shutdown: ShutdownConfig


def load_config(
    files: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    data_dir: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    check_detectors: DetectorCheck = lambda settings: [],
) -> HaloConfig:
    """The configuration of files, `--set` and the environment; ConfigError with all problems."""
    raw = read_layers(files, overrides, environment, DEFAULTS)
    problems = _section_problems(raw)
    store = _collected(problems, lambda: _store(raw.get("store"), data_dir, environment))
    components = _collected(problems, lambda: _components(raw))
    sections: dict[str, Any] = {
        name: _collected(problems, partial(read_settings, model, name, raw.get(name))) for name, model in MODELS.items()
    }
    if sections["analysis"] is not None:
        problems += check_detectors(sections["analysis"].detectors)
    if problems or store is None or components is None:
        raise ConfigError(problems)
    return HaloConfig(
        store=store,
        data_dir=store.config.model_dump()["directory"],
        receivers=components[RECEIVERS],
        processors=components[PROCESSORS],
        forwarders=components[FORWARDERS],
        exporters=components[EXPORTERS],
        **sections,
    )


def _collected(problems: list[str], read: Callable[[], Part]) -> Part | None:
    """What `read` returns; its problems join the others and None stands for its part."""
    try:
        return read()
    except ConfigError as error:
        problems += error.problems
        return None


def _section_problems(raw: Settings) -> list[str]:
    problems = []
    for name in raw:
        if name in SECTIONS:
            continue
        near = get_close_matches(str(name), SECTIONS, n=1)
        said = _LATER.get(name) or (
            f"unknown section; did you mean {near[0]}?"
            if near
            else f"unknown section; use one of: {', '.join(SECTIONS)}"
        )
        problems.append(f"{name}: {said}")
    return problems


def _store(raw: Any, data_dir: Path | None, environment: Mapping[str, str]) -> Configured:
    """The store backend; the data directory of the command line wins, then that of the environment."""
    if raw is not None and not isinstance(raw, dict):
        raise ConfigError("store: must be a mapping; write e.g. store: {directory: ./halo-data}")
    settings = dict(raw or {})
    backend = str(settings.pop("backend", None) or DEFAULT_BACKEND)
    directory = data_dir or environment.get("HALO_DATA_DIR")
    if directory:
        settings["directory"] = str(directory)
    try:
        module = load_component(BACKENDS, backend)
    except ConfigError as error:
        raise ConfigError([f"store.backend: {problem.partition(': ')[2]}" for problem in error.problems]) from error
    return Configured(backend, module, read_settings(module.Config, "store", settings))


def _components(raw: Settings) -> dict[str, list[Configured]]:
    problems = []
    kinds: dict[str, Mapping[str, object]] = {}
    for kind in (RECEIVERS, PROCESSORS, FORWARDERS, EXPORTERS):
        name = kind.rpartition(".")[2]
        found = raw.get(name)
        if found is not None and not isinstance(found, dict):
            problems.append(f"{name}: must be a mapping of components; write e.g. {name}: {{{_EXAMPLES[name]}: }}")
            continue
        kinds[kind] = found or {}
    try:
        configured = configure(kinds)
        problems += loops(configured.get(RECEIVERS, []), configured.get(FORWARDERS, []))
    except ConfigError as error:
        problems += [_collector_hint(problem) for problem in error.problems]
    if problems:
        raise ConfigError(problems)
    return configured


def _collector_hint(problem: str) -> str:
    """What is pasted from a Collector's configuration is told what stands for it here."""
    place, _, said = problem.partition(": ")
    if place == "processors.batch":
        return f"{place}: HALO needs no batch processor, requests are committed and sent on together; remove it"
    component = place.removeprefix("exporters.")
    setting = component.rpartition(".")[2]
    if place.startswith("exporters.") and (said.startswith("unknown type") or setting in _COLLECTOR_ONLY):
        return f"{problem}; exporters carry reports; to send spans on, write this under `forwarders`"
    return problem


def shown_config(config: HaloConfig) -> Settings:
    """The configuration as halo.yaml would say it in full, secrets as stars."""

    def shown(section: ComponentConfig) -> Any:
        return section.model_dump(mode="json")

    def components(configured: Sequence[Configured]) -> Settings:
        return {each.id: shown(each.config) for each in configured}

    return {
        "receivers": components(config.receivers),
        "processors": components(config.processors),
        "forwarders": components(config.forwarders),
        "store": {"backend": config.store.id, **shown(config.store.config)},
        "scheduler": shown(config.scheduler),
        "analysis": shown(config.analysis),
        "engine": shown(config.engine),
        "exporters": components(config.exporters),
        "delivery": shown(config.delivery),
        "api": shown(config.api),
        "health": shown(config.health),
        "logging": shown(config.logging),
        "shutdown": shown(config.shutdown),
    }
