"""Answers a gRPC client that came to the HTTP port, in the words of gRPC, so that its own error says where to go.

A closed connection or a GOAWAY would make it try again until its deadline, and then tell of the deadline only.
It takes as much HTTP/2 as that: the frames up to the first request, and one response without a body.
Sources: RFC 9113 sections 4 and 6, RFC 7541 section 6; https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
"""

import struct
from urllib.parse import quote

from google.rpc import code_pb2

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _SETTINGS, _GOAWAY = 1, 4, 7
_ACK, _END_STREAM_AND_HEADERS = 1, 5
_FRAME_HEAD_BYTES = 9
_FRAME_MAX_BYTES = _FRAME_HEAD_BYTES + 16_384  # what both sides begin with
_TEXT_MAX_BYTES = 254  # two bytes of length
_STATUS_200 = b"\x88"  # the eighth entry of HPACK's static table


class GrpcAtHttp:
    """One connection: feed it what arrives, send what it returns."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._buffer = b""
        self._has_begun = False
        self._has_answered = False

    def feed(self, data: bytes) -> bytes:
        """The bytes to send next; after the answer, and to what is no HTTP/2, nothing more."""
        if self._has_answered:
            return b""
        self._buffer += data
        said = b""
        if not self._has_begun and len(self._buffer) >= len(PREFACE):
            self._has_begun = True
            self._buffer = self._buffer[len(PREFACE) :]
            said = _frame(_SETTINGS, 0, 0, b"")
        while self._has_begun and len(self._buffer) >= _FRAME_HEAD_BYTES:
            size = int.from_bytes(self._buffer[:3], "big") + _FRAME_HEAD_BYTES
            if size > _FRAME_MAX_BYTES:
                self._has_answered, self._buffer = True, b""
            if len(self._buffer) < size:
                break
            said += self._reply(self._buffer[3], self._buffer[4], self._buffer[5:_FRAME_HEAD_BYTES])
            self._buffer = self._buffer[size:]
        return said

    def _reply(self, kind: int, flags: int, stream: bytes) -> bytes:
        if kind == _SETTINGS and not flags & _ACK:
            return _frame(_SETTINGS, _ACK, 0, b"")
        if kind != _HEADERS:
            return b""
        self._has_answered = True
        self._buffer = b""
        number = int.from_bytes(stream, "big") & 0x7FFFFFFF
        fields = {
            "content-type": "application/grpc",
            "grpc-status": str(code_pb2.UNIMPLEMENTED),
            "grpc-message": quote(self._hint, safe=" :;./,"),
        }
        block = _STATUS_200 + b"".join(_literal(name, value) for name, value in fields.items())
        ending = _frame(_GOAWAY, 0, 0, struct.pack(">II", number, 0))
        return _frame(_HEADERS, _END_STREAM_AND_HEADERS, number, block) + ending


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _literal(name: str, value: str) -> bytes:
    """A header field that is not indexed."""
    return b"\0" + _text(name.encode()) + _text(value.encode()[:_TEXT_MAX_BYTES])


def _text(text: bytes) -> bytes:
    """A length, of which the first byte holds seven bits, and the text."""
    head = (len(text),) if len(text) < 127 else (127, len(text) - 127)
    return bytes(head) + text
