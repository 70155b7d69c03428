"""Export a request over gRPC, and what the answer means: done, never, or later.

Retryable codes and RetryInfo: https://opentelemetry.io/docs/specs/otlp/#failures.
"""

from collections.abc import Sequence
from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.outgoing.forwarder import OversizeError, speaks_of_size
from domain.errors import PermanentError, RetryableError
from domain.otlp import ExportTraceServiceRequest, ExportTraceServiceResponse

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
Metadata = Sequence[tuple[str, str | bytes]]

_LATER = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
)
_SAID_MAX_CHARS = 200


async def export(
    channel: grpc.aio.Channel, request: ExportTraceServiceRequest, metadata: Metadata, timeout_s: float
) -> ExportTraceServiceResponse:
    """The answer of a trace service; PermanentError or RetryableError without one."""
    call = channel.unary_unary(
        METHOD,
        request_serializer=ExportTraceServiceRequest.SerializeToString,
        response_deserializer=ExportTraceServiceResponse.FromString,
    )
    try:
        answer: ExportTraceServiceResponse = await call(request, metadata=tuple(metadata), timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        trailers = cast(Metadata, tuple(error.trailing_metadata() or ()))
        raise failure(error.code(), error.details() or "", trailers) from None
    return answer


def failure(code: grpc.StatusCode, details: str, trailers: Metadata) -> PermanentError | RetryableError:
    """The error a status means; RESOURCE_EXHAUSTED is retryable only when the server says when.

    Without that it means a request that is too large, as OUT_OF_RANGE does where servers written in Rust speak of
    size.
    """
    message = f"the server answered {code.name}: {_one_line(details)}"
    after = retry_after_s(trailers)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and after is None:
        return OversizeError(message)
    if code is grpc.StatusCode.OUT_OF_RANGE and speaks_of_size(details):
        return OversizeError(message)
    if code in _LATER or code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return RetryableError(message, retry_after_s=after)
    return PermanentError(message)


def _one_line(details: str) -> str:
    printable = "".join(each if each.isprintable() else " " for each in details)
    return " ".join(printable.split())[:_SAID_MAX_CHARS]


def retry_after_s(trailers: Metadata) -> float | None:
    """The delay of a RetryInfo in the status details of trailing metadata, in seconds; None without one."""
    for key, value in trailers:
        if key != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        try:
            details = Status.FromString(value).details
        except DecodeError:
            return None
        info = RetryInfo()
        if any(detail.Unpack(info) for detail in details):
            return max(0.0, float(info.retry_delay.ToNanoseconds()) / 1e9)
    return None
