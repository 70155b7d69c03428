"""What an export request is told, in both protocols: plain values, so that every answer can be read and tested.

Sources: https://opentelemetry.io/docs/specs/otlp/ (success, partial success, failures, throttling) and
https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto (RetryInfo).
"""

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.otlp.limits import TooLargeError
from domain.errors import PermanentError, RetryableError
from domain.otlp import ExportTracePartialSuccess, ExportTraceServiceResponse
from domain.otlp_json import to_json
from store.base import Appended

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
TRACES_PATH = "/v1/traces"
_MESSAGE_MAX_CHARS = 500
_SHOWN_MAX_CHARS = 100


class Refusal(NamedTuple):
    """Why nothing was kept: as HTTP status, as google.rpc code, in words, and when to try again."""

    http_status: int
    code: int
    message: str
    retry_after_s: float | None = None


class HttpAnswer(NamedTuple):
    """An HTTP response before it is one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def refusal(error: Exception) -> Refusal:
    """What an error means to the sender; an unknown one is retryable, and its text stays in the log."""
    if isinstance(error, TooLargeError):
        return Refusal(413, code_pb2.RESOURCE_EXHAUSTED, _one_line(error))
    if isinstance(error, PermanentError):
        return Refusal(400, code_pb2.INVALID_ARGUMENT, _one_line(error))
    if isinstance(error, RetryableError):
        return Refusal(503, code_pb2.UNAVAILABLE, _one_line(error), error.retry_after_s)
    return Refusal(503, code_pb2.UNAVAILABLE, "the request could not be kept; try again later")


def rejected_by_store(error: PermanentError) -> Refusal:
    """A request that was decoded and yet can never be kept, as the Collector answers it."""
    return Refusal(500, code_pb2.INTERNAL, f"Permanent error: {_one_line(error)}")


def unknown_path(path: str) -> Refusal:
    """404: only traces are received, and only here."""
    return Refusal(404, code_pb2.UNIMPLEMENTED, f"no such path {_shown(path)}; POST traces to {TRACES_PATH}")


def wrong_method(method: str) -> Refusal:
    """405: OTLP only posts."""
    return Refusal(405, code_pb2.UNIMPLEMENTED, f"method {_shown(method)} is not allowed; use POST")


def unsupported_media_type(media_type: str) -> Refusal:
    """415: neither of OTLP's two encodings."""
    said = f"unsupported media type {_shown(media_type)}" if media_type else "the Content-Type header is missing"
    return Refusal(415, code_pb2.INVALID_ARGUMENT, f"{said}; send {PROTOBUF} or {JSON}")


def response(appended: Appended) -> ExportTraceServiceResponse:
    """The export response; `partial_success` is set only when there is something to say."""
    if not appended.rejected and not appended.reason:
        return ExportTraceServiceResponse()
    partial = ExportTracePartialSuccess(rejected_spans=appended.rejected, error_message=appended.reason)
    return ExportTraceServiceResponse(partial_success=partial)


def status(refused: Refusal) -> Status:
    """A refusal as google.rpc.Status, with RetryInfo when a time is known."""
    made = Status(code=refused.code, message=refused.message)
    if refused.retry_after_s is not None:
        detail = AnyMessage()
        detail.Pack(retry_info(refused.retry_after_s))
        made.details.append(detail)
    return made


def retry_info(seconds: float) -> RetryInfo:
    """A delay as google.rpc.RetryInfo, to the millisecond."""
    delay = Duration()
    delay.FromMilliseconds(math.ceil(seconds * 1_000))
    return RetryInfo(retry_delay=delay)


def grpc_trailers(refused: Refusal) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata that says when to try again, twice: the standard place, and where the Python SDK looks."""
    if refused.retry_after_s is None:
        return ()
    return (
        ("grpc-status-details-bin", status(refused).SerializeToString()),
        ("google.rpc.retryinfo-bin", retry_info(refused.retry_after_s).SerializeToString()),
    )


def http_success(appended: Appended, media_type: str) -> HttpAnswer:
    """200 in the encoding of the request."""
    made = response(appended)
    body = json.dumps(to_json(made)).encode() if media_type == JSON else made.SerializeToString()
    return HttpAnswer(200, {"Content-Type": media_type}, body)


def http_refusal(refused: Refusal, media_type: str) -> HttpAnswer:
    """A google.rpc.Status in the encoding of the request, JSON when that is unknown."""
    headers = {"Content-Type": PROTOBUF if media_type == PROTOBUF else JSON}
    if refused.http_status == 405:
        headers["Allow"] = "POST"
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(refused.retry_after_s))
    body = status(refused).SerializeToString() if media_type == PROTOBUF else json.dumps(_status_json(refused)).encode()
    return HttpAnswer(refused.http_status, headers, body)


def _status_json(refused: Refusal) -> dict[str, object]:
    made: dict[str, object] = {"code": refused.code, "message": refused.message}
    if refused.retry_after_s is not None:
        seconds = f"{math.ceil(refused.retry_after_s * 1_000) / 1_000:g}s"
        made["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": seconds}]
    return made


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_MESSAGE_MAX_CHARS]


def _shown(text: str) -> str:
    return repr(text[:_SHOWN_MAX_CHARS])
