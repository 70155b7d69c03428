"""What is said to requests that are well meant and went to the wrong place: which address would have been right."""

from google.rpc import code_pb2

from collector.otlp import answers
from collector.otlp.answers import Refusal
from domain.signals import SIGNALS, Signal

_BY_PATH = {signal.path: signal for signal in SIGNALS}


def addressed(path: str, method: str, media_type: str, grpc_hint: str) -> Signal | Refusal:
    """The signal that a request is for, or what is wrong with its path, method or type."""
    if media_type.startswith("application/grpc"):
        return Refusal(415, code_pb2.INVALID_ARGUMENT, grpc_hint, reason="media_type")
    signal = _BY_PATH.get("/" + path.lstrip("/"))
    if signal is None:
        return _nearly(path) or answers.unknown_path(path)
    if method != "POST":
        return answers.wrong_method(method)
    if media_type not in (answers.PROTOBUF, answers.JSON):
        return answers.unsupported_media_type(media_type)
    return signal


def http_hint(grpc_endpoint: object | None) -> str:
    """For gRPC at the HTTP server."""
    where = f"send gRPC to {grpc_endpoint}" if grpc_endpoint else "enable protocols.grpc to receive gRPC"
    return f"this port takes OTLP over HTTP/1.1; {where}"


def grpc_hint(http_endpoint: object | None) -> str:
    """For HTTP at the gRPC server."""
    where = f"send OTLP/HTTP to {http_endpoint}" if http_endpoint else "enable protocols.http to receive OTLP/HTTP"
    return f"this is the gRPC port; {where}" + (f", e.g. POST {SIGNALS[0].path}" if http_endpoint else "")


def _nearly(path: str) -> Refusal | None:
    """Paths that a signal's path was added to twice, or that lack nothing but care about a slash."""
    for signal in SIGNALS:
        if path == signal.path * 2:
            said = f"no such path {path!r}: the exporter adds {signal.path} itself; set its endpoint without it"
            return Refusal(404, code_pb2.UNIMPLEMENTED, said, reason="path")
        if path == signal.path + "/":
            said = f"no such path {path!r}; remove the slash at its end"
            return Refusal(404, code_pb2.UNIMPLEMENTED, said, reason="path")
    return None
