"""docs/metrics.md: what `/metrics` exposes."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from pages.tables import cell, code, page, table
from telemetry import metrics
from telemetry.exposition import ProcessMetrics

ABOUT = """\
A sidecar serves its metrics in Prometheus' text format at `http://127.0.0.1:13133/metrics` (`health.endpoint`). Names
that the OpenTelemetry Collector has too (`otelcol_*`) mean the same here; such counters are exposed both with the
suffix `_total`, as here, and without it, as the Collector does by default. No metric carries anything from inside a
span.
"""


def declared() -> Iterator[Any]:
    """Every metric, in the order of its declaration."""
    seen: list[Any] = []
    for value in vars(metrics).values():
        for metric in value.values() if isinstance(value, dict) else (value,):
            if isinstance(metric, Counter | Gauge | Histogram) and metric not in seen:
                seen.append(metric)
                yield metric


def exposed_name(metric: Any) -> str:
    """The name as it is scraped."""
    return str(metric._name + "_total" if isinstance(metric, Counter) else metric._name)


def _with_suffix(family: Any) -> str:
    return str(family.name + ("_total" if family.type == "counter" else ""))


def markdown() -> str:
    """The page."""
    rows = (
        (
            code(exposed_name(metric)),
            type(metric).__name__.lower(),
            ", ".join(code(label) for label in metric._labelnames),
            cell(metric._documentation),
        )
        for metric in declared()
    )
    process = (
        (code(_with_suffix(family)), family.type, "", cell(family.documentation))
        for family in ProcessMetrics().collect()
    )
    return page("Metrics", ABOUT, table(("metric", "type", "labels", "what it counts"), chain(rows, process)))
