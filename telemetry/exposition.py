"""All metrics as Prometheus scrapes them, those of the process included.

The client library ends counters in `_total`; the OpenTelemetry Collector by default does not. So what has a name of the
Collector's (`otelcol_*`) is exposed under both, and dashboards made for either work.
"""

import time
from collections.abc import Iterator

from prometheus_client import Counter, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from telemetry.metrics import REGISTRY
from telemetry.process import cpu_seconds, resident_bytes

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COLLECTORS = "otelcol_"
_SUFFIX = "_total"


class ProcessMetrics(Collector):
    """Age, processor time and memory of this process, read when they are asked for."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        """The Collector's names and units: seconds and bytes."""
        uptime_s = time.monotonic() - self._started_s
        yield CounterMetricFamily("otelcol_process_uptime", "Seconds since the process started.", value=uptime_s)
        yield CounterMetricFamily(
            "otelcol_process_cpu_seconds", "Processor time, user and system.", value=cpu_seconds()
        )
        yield GaugeMetricFamily("otelcol_process_memory_rss", "Resident memory in bytes.", value=resident_bytes())


disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types there
REGISTRY.register(ProcessMetrics())


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    text = generate_latest(REGISTRY).decode()
    return (text + "".join(_without_suffix(text))).encode()


def _without_suffix(text: str) -> Iterator[str]:
    """The Collector's counters once more, as families without the suffix."""
    for line in text.splitlines(keepends=True):
        if line.startswith(("# HELP " + _COLLECTORS, "# TYPE " + _COLLECTORS)):
            mark, kind, name, rest = line.split(" ", 3)
            if name.endswith(_SUFFIX):
                yield f"{mark} {kind} {name.removesuffix(_SUFFIX)} {rest}"
        elif line.startswith(_COLLECTORS):
            end = min(at for at in (line.find("{"), line.find(" ")) if at >= 0)
            if line[:end].endswith(_SUFFIX):
                yield line[:end].removesuffix(_SUFFIX) + line[end:]


def total(counter: Counter, **labels: str) -> int:
    """What a counter has counted over all its labels but the given ones."""
    samples = (sample for family in counter.collect() for sample in family.samples)
    return int(
        sum(each.value for each in samples if each.name.endswith(_SUFFIX) and labels.items() <= each.labels.items())
    )


def totals(counter: Counter, label: str) -> dict[str, int]:
    """What a counter has counted, by one of its labels."""
    found: dict[str, int] = {}
    for family in counter.collect():
        for sample in family.samples:
            if sample.name.endswith(_SUFFIX):
                found[sample.labels[label]] = found.get(sample.labels[label], 0) + int(sample.value)
    return found
