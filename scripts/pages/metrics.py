"""docs/metrics.md: what `/metrics` exposes."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from pages.tables import cell, code, page, table
from telemetry import metrics

ABOUT = """\
A sidecar serves its metrics in Prometheus' text format at `http://127.0.0.1:13133/metrics` (`health.endpoint`). Names
that the OpenTelemetry Collector has too mean the same here. No metric carries anything from inside a span.
"""


def declared() -> Iterator[Any]:
    """Every metric, in the order of its declaration."""
    return (value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram))


def exposed_name(metric: Any) -> str:
    """The name as it is scraped."""
    return str(metric._name + "_total" if isinstance(metric, Counter) else metric._name)


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
    return page("Metrics", ABOUT, table(("metric", "type", "labels", "what it counts"), rows))
