"""The signals of OTLP, each with the names and message types it goes by, so that one code path serves them all.

Paths and services: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request and opentelemetry-proto/collector.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf.message import Message

from domain import otlp


class Signal(NamedTuple):
    """One kind of telemetry: how it is addressed, and how its requests and answers are made."""

    name: str
    path: str
    service: str
    items: str
    """What one of its items is called in metrics: `spans`, `log_records`, …"""
    request: type[Any]
    response: type[Any]
    partial_success: type[Any]
    rejected: str
    """The field of `partial_success` that counts rejected items."""
    count: Callable[[Any], int]
    """How many items an export request carries."""


def _spans(request: Any) -> int:
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def _log_records(request: Any) -> int:
    return sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)


def _metric_points(request: Any) -> int:
    return sum(
        len(getattr(metric, kind).data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if (kind := metric.WhichOneof("data"))
    )


def _profiles(request: Any) -> int:
    return sum(len(scope.profiles) for resource in request.resource_profiles for scope in resource.scope_profiles)


TRACES = Signal(
    "traces",
    "/v1/traces",
    "opentelemetry.proto.collector.trace.v1.TraceService",
    "spans",
    otlp.ExportTraceServiceRequest,
    otlp.ExportTraceServiceResponse,
    otlp.ExportTracePartialSuccess,
    "rejected_spans",
    _spans,
)
LOGS = Signal(
    "logs",
    "/v1/logs",
    "opentelemetry.proto.collector.logs.v1.LogsService",
    "log_records",
    otlp.ExportLogsServiceRequest,
    otlp.ExportLogsServiceResponse,
    otlp.ExportLogsPartialSuccess,
    "rejected_log_records",
    _log_records,
)
METRICS = Signal(
    "metrics",
    "/v1/metrics",
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "metric_points",
    otlp.ExportMetricsServiceRequest,
    otlp.ExportMetricsServiceResponse,
    otlp.ExportMetricsPartialSuccess,
    "rejected_data_points",
    _metric_points,
)
PROFILES = Signal(
    "profiles",
    "/v1development/profiles",
    "opentelemetry.proto.collector.profiles.v1development.ProfilesService",
    "profiles",
    otlp.ExportProfilesServiceRequest,
    otlp.ExportProfilesServiceResponse,
    otlp.ExportProfilesPartialSuccess,
    "rejected_profiles",
    _profiles,
)
SIGNALS = (TRACES, LOGS, METRICS, PROFILES)


def is_empty(signal: Signal, message: Message) -> bool:
    """Whether a request carries nothing to keep."""
    return not message.ByteSize() or not signal.count(message)
