"""Where the spans of a run go, as the environment says: to an OTLP endpoint, or into a file beside the user.

The names are those of the HALO engine, older and newer ones, and OpenTelemetry's own.
"""

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from domain.errors import ConfigError
from domain.otlp import Resource
from domain.version import VERSION
from engine.tracing.outlets import FileOutlet, OtlpOutlet, Outlet
from engine.tracing.tracer import Tracer, tracing

SERVICE = "halo-engine"
DEFAULT_ENDPOINT = "https://telemetry.inference.net"
_TOKENS = ("CATALYST_OTLP_TOKEN", "OTLP_INGEST_TOKEN", "INFERENCE_API_KEY")
_ENDPOINTS = ("CATALYST_OTLP_ENDPOINT", "INFERENCE_OTLP_ENDPOINT")
_DEBUGS = ("CATALYST_DEBUG", "INFERENCE_DEBUG")
_RUN_IDS = ("CATALYST_TRACING_RUN_ID", "HALO_TRACING_RUN_ID")
_PASSED_ON = ("CATALYST_TRACING_", "HALO_TRACING_")
_LOG = structlog.get_logger(__name__)
_RUN_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True)
class Destination:
    """Where spans go, under which run id, from which resource."""

    run_id: str
    resource: Mapping[str, str]
    endpoint: str = ""
    headers: Mapping[str, str] | None = None
    path: Path | None = None
    is_loud: bool = False

    def outlet(self, tell: Callable[[str], None]) -> Outlet:
        """An outlet that tells what it could not bring there, if the environment asks for that."""
        said = tell if self.is_loud else lambda line: None
        if self.path is not None:
            return FileOutlet(self.path, self._resource(), tell)
        return OtlpOutlet(self.endpoint, dict(self.headers or {}), self._resource(), said)

    def _resource(self) -> Resource:
        resource = Resource()
        for key, value in self.resource.items():
            resource.attributes.add(key=key).value.string_value = value
        return resource


def destination(environment: Mapping[str, str] = os.environ, *, directory: Path = Path()) -> Destination:
    """What the environment asks for; a file in `directory` when it names no endpoint. ConfigError: a bad run id."""
    run_id = _first(environment, _RUN_IDS) or uuid.uuid4().hex
    if not _RUN_ID.fullmatch(run_id):
        raise ConfigError(f"{_RUN_IDS[0]}: {run_id[:40]!r} is no run id; use up to 128 letters, digits, _ . -")
    resource = dict(_passed_on(environment))
    resource |= {"service.name": SERVICE, "service.version": VERSION, "halo.run.id": run_id}
    loud = _first(environment, _DEBUGS) == "1"
    token = _first(environment, _TOKENS)
    own = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or _base(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    if token:
        url = _base(_first(environment, _ENDPOINTS) or DEFAULT_ENDPOINT)
        return Destination(run_id, resource, url, {"Authorization": f"Bearer {token}"}, None, loud)
    if own:
        headers = dict(_headers(environment.get("OTEL_EXPORTER_OTLP_HEADERS", "")))
        return Destination(run_id, resource, own, headers, None, loud)
    named = environment.get("HALO_TELEMETRY_PATH")
    return Destination(run_id, resource, path=Path(named) if named else directory / f"halo-telemetry-{run_id}.jsonl")


@contextmanager
def traced(tell: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Iterator[Destination]:
    """All that is done within is traced and brought where the environment says; if that fails, nothing else does."""
    found = destination(environment)
    with found.outlet(tell) as outlet, tracing(Tracer(found.run_id, outlet.take)):
        yield found


@contextmanager
def traced_if(wanted: bool) -> Iterator[None]:
    """`traced` with what it tells in the log, or nothing."""
    if not wanted:
        yield
        return
    with traced(lambda line: _LOG.info("telemetry", said=line)):
        yield


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environment.get(name, ""))), "")


def _base(url: str | None) -> str:
    """The traces' path below a base URL (OTLP/HTTP, endpoint URLs for OTLP/HTTP)."""
    return "" if not url else url if url.endswith("/v1/traces") else f"{url.rstrip('/')}/v1/traces"


def _passed_on(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(environment):
        prefix = next((each for each in _PASSED_ON if name.startswith(each)), None)
        if prefix and name not in _RUN_IDS:
            yield f"halo.{name.removeprefix(prefix).lower()}", environment[name]


def _headers(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if equals:
            yield name.strip(), value.strip()
