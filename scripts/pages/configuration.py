"""docs/configuration.md: every setting of halo.yaml, from the Config models that read it."""

from collections.abc import Iterator
from inspect import getdoc

from api.health import Config as HealthConfig
from api.server import Config as ApiConfig
from cli.config import BACKENDS, DEFAULT_BACKEND, AnalysisConfig, LoggingConfig
from cli.stopping import ShutdownConfig
from collector.delivery import DeliveryConfig
from collector.pipeline import EXPORTERS, FORWARDERS, PROCESSORS, RECEIVERS
from domain.component import ComponentConfig, component_types, load_component
from pages.settings import Setting, settings, settings_table
from pages.tables import page
from scheduler.scheduler import Config as SchedulerConfig

ABOUT = """\
`halo serve` needs no configuration: without one it receives OTLP on 127.0.0.1:4317 (gRPC) and :4318 (HTTP), keeps a
window in `./halo-data`, and writes reports below it. What differs is said in `halo.yaml`:

```console
$ halo serve --config halo.yaml --config more.yaml --set store.retention.max_age=7d
$ halo validate --config halo.yaml      # every mistake at once, each with its path and the fix
$ halo print-config --config halo.yaml  # what would be used, defaults included, secrets as stars
```

Later files are laid over earlier ones, key by key, and `--set` over all of them. `${env:NAME}` and
`${env:NAME:-default}` are replaced from the environment, `${file:path}` by what a file holds; `$$` is a dollar sign.
Unknown settings are refused. Durations are written `250ms`, `10s`, `1h30m`, `30d`, sizes `64MiB`, `4GiB`. Components
are named `type` or `type/name`, so that a kind can have several of a type.

The data directory is `--data-dir`, else `HALO_DATA_DIR`, else `store.directory`.
"""
EXAMPLE = """\
```yaml
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:4317
      http:
        endpoint: 127.0.0.1:4318
store:
  directory: /var/lib/halo
  retention:
    max_age: 7d
exporters:
  file: {}
  webhook/slack:
    url: ${env:SLACK_WEBHOOK_URL:-https://hooks.slack.com/services/T000/B000/XXX}
    format: slack
analysis:
  detectors:
    retry_storm:
      enabled: false
logging:
  format: json
```
"""
COMPONENTS = (
    (RECEIVERS, "receivers"),
    (PROCESSORS, "processors"),
    (FORWARDERS, "forwarders"),
    (EXPORTERS, "exporters"),
)
SINGLE: tuple[tuple[str, type[ComponentConfig]], ...] = (
    ("scheduler", SchedulerConfig),
    ("delivery", DeliveryConfig),
    ("api", ApiConfig),
    ("health", HealthConfig),
    ("logging", LoggingConfig),
    ("shutdown", ShutdownConfig),
)


def every_setting() -> Iterator[Setting]:
    """All settings but those of detectors."""
    for kind, section in COMPONENTS:
        for name in component_types(kind):
            yield from settings(load_component(kind, name).Config, f"{section}.{name}")
    yield from settings(load_component(BACKENDS, DEFAULT_BACKEND).Config, "store")
    for section, model in SINGLE:
        yield from settings(model, section)


def components(kind: str, section: str) -> str:
    """A section that holds components: each type with its settings."""
    parts = [f"## {section}"]
    for name in component_types(kind):
        module = load_component(kind, name)
        parts += [
            f"### {section}.{name}",
            (getdoc(module) or "").partition("\n")[0],
            settings_table(settings(module.Config, f"{section}.{name}")),
        ]
    return "\n\n".join(parts)


def store() -> str:
    """The store section, as the default backend reads it."""
    module = load_component(BACKENDS, DEFAULT_BACKEND)
    first = (getdoc(module) or "").partition("\n")[0]
    return f"## store\n\n{first}\n\n{settings_table(settings(module.Config, 'store'))}"


def analysis() -> str:
    """The analysis section; each detector's settings have their place on the detectors' page."""
    rows = settings_table(settings(AnalysisConfig, "analysis"))
    return f"## analysis\n\n{rows}\n\nEach detector's settings: [detectors.md](detectors.md)."


def single(section: str, model: type[ComponentConfig]) -> str:
    """A section that is one model."""
    return f"## {section}\n\n{settings_table(settings(model, section))}"


def markdown() -> str:
    """The page."""
    return page(
        "Configuration",
        ABOUT,
        EXAMPLE,
        components(RECEIVERS, "receivers"),
        components(PROCESSORS, "processors"),
        components(FORWARDERS, "forwarders"),
        store(),
        components(EXPORTERS, "exporters"),
        analysis(),
        *(single(section, model) for section, model in SINGLE),
    )
