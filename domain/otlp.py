"""The OTLP message types, under one roof: the only module that imports opentelemetry-proto.

Source: https://github.com/open-telemetry/opentelemetry-proto, v1.
"""

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import (
    ExportProfilesPartialSuccess,
    ExportProfilesServiceRequest,
    ExportProfilesServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

__all__ = [
    "AnyValue",
    "ArrayValue",
    "ExportLogsPartialSuccess",
    "ExportLogsServiceRequest",
    "ExportLogsServiceResponse",
    "ExportMetricsPartialSuccess",
    "ExportMetricsServiceRequest",
    "ExportMetricsServiceResponse",
    "ExportProfilesPartialSuccess",
    "ExportProfilesServiceRequest",
    "ExportProfilesServiceResponse",
    "ExportTracePartialSuccess",
    "ExportTraceServiceRequest",
    "ExportTraceServiceResponse",
    "InstrumentationScope",
    "KeyValue",
    "KeyValueList",
    "LogRecord",
    "LogsData",
    "PlainValue",
    "Resource",
    "ResourceLogs",
    "ResourceSpans",
    "ScopeLogs",
    "ScopeSpans",
    "Span",
    "Status",
    "TracesData",
    "any_value",
    "attributes",
    "plain",
]

PlainValue = None | bool | int | float | str | bytes | list["PlainValue"] | dict[str, "PlainValue"]


def plain(value: AnyValue) -> PlainValue:
    """An AnyValue as the Python value it stands for; None when unset."""
    which = value.WhichOneof("value")
    if which == "array_value":
        return [plain(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return getattr(value, which) if which else None


def attributes(
    owner: Resource | InstrumentationScope | Span | Span.Event | Span.Link,
) -> dict[str, PlainValue]:
    """The attributes of any OTLP owner as a dict; of duplicate keys the last wins."""
    return {item.key: plain(item.value) for item in owner.attributes}


def any_value(value: PlainValue) -> AnyValue:
    """A Python value as an AnyValue; the inverse of `plain` (tuples count as lists)."""
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value) if -(2**63) <= value < 2**63 else AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, dict):
        pairs = [KeyValue(key=str(key), value=any_value(item)) for key, item in value.items()]
        return AnyValue(kvlist_value=KeyValueList(values=pairs))
    if isinstance(value, list | tuple):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    return AnyValue(string_value=str(value))
