"""What an export request is told, in both protocols: plain values, so that every answer can be read and tested.

Sources: https://opentelemetry.io/docs/specs/otlp/ (success, partial success, failures, throttling; which codes mean
that the sender tries again: Failures of OTLP/gRPC) and
https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto (RetryInfo).
"""

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collector.otlp.limits import CodingError, TooLargeError
from domain.errors import PermanentError, RetryableError
from domain.otlp_json import to_json
from domain.signals import SIGNALS, Signal
from store.base import Appended

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_MESSAGE_MAX_CHARS = 500
_SHOWN_MAX_CHARS = 100
_GAP = " [...] "
_RETRYABLE = frozenset(
    (
        code_pb2.CANCELLED,
        code_pb2.DEADLINE_EXCEEDED,
        code_pb2.ABORTED,
        code_pb2.OUT_OF_RANGE,
        code_pb2.UNAVAILABLE,
        code_pb2.DATA_LOSS,
    )
)
"""Codes after which a sender tries again, and RESOURCE_EXHAUSTED if it is told when."""
_FINAL = frozenset(code_pb2.Code.values()) - _RETRYABLE - {code_pb2.OK, code_pb2.UNKNOWN}
_HTTP_STATUSES = {
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.UNAUTHENTICATED: 401,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.UNIMPLEMENTED: 404,
}
"""As the Collector answers final codes over HTTP; all others are 500."""


class Refusal(NamedTuple):
    """Why nothing was kept: as HTTP status, as google.rpc code, in words, and when to try again.

    `reason` is what metrics call the sender's mistake; empty when it made none.
    """

    http_status: int
    code: int
    message: str
    retry_after_s: float | None = None
    reason: str = ""


class HttpAnswer(NamedTuple):
    """An HTTP response before it is one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def refusal(error: Exception) -> Refusal:
    """What an error means to the sender; an unknown one is retryable, and its text stays in the log.

    The kind of the error says whether to try again. Its `grpc_code` passes through when it says the same.
    """
    if isinstance(error, PermanentError):
        return _permanent(error, code_pb2.INVALID_ARGUMENT)._replace(reason=_reason(error))
    if isinstance(error, RetryableError):
        return _retryable(error)
    return Refusal(503, code_pb2.UNAVAILABLE, "the request could not be kept; try again later")


def rejected_by_store(error: PermanentError) -> Refusal:
    """A request that was decoded and yet can never be kept, as the Collector answers it."""
    refused = _permanent(error, code_pb2.INTERNAL)
    if error.grpc_code == refused.code:
        return refused
    return refused._replace(message=f"Permanent error: {refused.message}")


def _permanent(error: PermanentError, otherwise: int) -> Refusal:
    code = otherwise if error.grpc_code is None or error.grpc_code not in _FINAL else error.grpc_code
    # To HTTP senders 429 means again.
    http_status = 413 if code == code_pb2.RESOURCE_EXHAUSTED else _HTTP_STATUSES.get(code, 500)
    return Refusal(http_status, code, _one_line(error))


def _retryable(error: RetryableError) -> Refusal:
    code, delay_s = error.grpc_code or code_pb2.UNAVAILABLE, error.retry_after_s
    if code == code_pb2.RESOURCE_EXHAUSTED and delay_s is not None:
        return Refusal(429, code, _one_line(error), delay_s)
    return Refusal(503, code if code in _RETRYABLE else code_pb2.UNAVAILABLE, _one_line(error), delay_s)


def _reason(error: PermanentError) -> str:
    if isinstance(error, TooLargeError):
        return "too_large"
    return "coding" if isinstance(error, CodingError) else "malformed"


def unknown_path(path: str) -> Refusal:
    """404: the signals are received here and nowhere else."""
    known = ", ".join(f"{signal.name} to {signal.path}" for signal in SIGNALS)
    return Refusal(404, code_pb2.UNIMPLEMENTED, f"no such path {_shown(path)}; POST {known}", reason="path")


def wrong_method(method: str) -> Refusal:
    """405: OTLP only posts."""
    return Refusal(405, code_pb2.UNIMPLEMENTED, f"method {_shown(method)} is not allowed; use POST", reason="method")


def unsupported_media_type(media_type: str) -> Refusal:
    """415: neither of OTLP's two encodings."""
    said = f"unsupported media type {_shown(media_type)}" if media_type else "the Content-Type header is missing"
    said = f"{said}; send {PROTOBUF} or {JSON}"
    return Refusal(415, code_pb2.INVALID_ARGUMENT, said, reason="media_type")


def response(signal: Signal, appended: Appended) -> Message:
    """The export response of a signal; `partial_success` is set only when there is something to say."""
    made: Message = signal.response()
    if appended.rejected or appended.reason:
        partial = signal.partial_success(error_message=appended.reason, **{signal.rejected: appended.rejected})
        made = signal.response(partial_success=partial)
    return made


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


def http_success(signal: Signal, appended: Appended, media_type: str) -> HttpAnswer:
    """200 in the encoding of the request."""
    made = response(signal, appended)
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
    """What is too long loses its middle: paths stand at the start, and what is wrong at the end."""
    line = " ".join(str(error).split()).encode(errors="backslashreplace").decode()
    if len(line) <= _MESSAGE_MAX_CHARS:
        return line
    half = (_MESSAGE_MAX_CHARS - len(_GAP)) // 2
    return line[:half] + _GAP + line[-half:]


def _shown(text: str) -> str:
    return repr(text[:_SHOWN_MAX_CHARS])
