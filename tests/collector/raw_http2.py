"""One gRPC call written by hand, for what no gRPC library would send: wrong flags, wrong codings, other types.

Only as much HTTP/2 as that takes (RFC 9113, RFC 7541): header fields are sent as literals, and of the answer the
gRPC status and the message are picked out.
"""

import asyncio
import struct

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _literal(name: str, value: str) -> bytes:
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


async def call(
    host: str, port: int, path: str, message: bytes, headers: dict[str, str], compressed: bool
) -> tuple[int, bytes]:
    """(grpc-status, message body) of one unary call; ConnectionError when the server ends it without a status."""
    reader, writer = await asyncio.open_connection(host, port)
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "h", "te": "trailers", **headers}
    block = b"".join(_literal(name, value) for name, value in fields.items())
    body = bytes((compressed,)) + struct.pack(">I", len(message)) + message
    writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
    writer.write(_frame(_HEADERS, _END_HEADERS, 1, block) + _frame(_DATA, _END_STREAM, 1, body))
    try:
        return await _answer(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
    data = b""
    while True:
        head = await reader.readexactly(9)
        kind, flags = head[3], head[4]
        payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        if kind == _SETTINGS and not flags & _ACK:
            writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _DATA:
            data += payload
        elif kind == _HEADERS and b"grpc-status" in payload:
            after = payload.index(b"grpc-status") + len(b"grpc-status")
            return int(payload[after + 1 : after + 1 + payload[after]]), data[5:]
        elif kind in (_RST_STREAM, _GOAWAY):
            raise ConnectionError(f"frame {kind}: {payload!r}")
