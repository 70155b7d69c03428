"""What a gRPC client at the HTTP port is sent, byte by byte: whatever arrives, in whatever pieces."""

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.otlp.grpc_at_http import PREFACE, GrpcAtHttp

HINT = "this port takes OTLP over HTTP/1.1; send gRPC to 127.0.0.1:4317"


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


CLIENT = PREFACE + _frame(4, 0, 0, bytes(6)) + _frame(8, 0, 0, bytes(4)) + _frame(1, 4, 5, b"\x82") + _frame(0, 1, 5)
ACK, OPENING = _frame(4, 1, 0), _frame(4, 0, 0)


@given(st.lists(st.integers(0, len(CLIENT)), max_size=6))
def test_the_answer_does_not_depend_on_how_the_request_is_cut(cuts: list[int]) -> None:
    """TCP has no messages."""
    places = [0, *sorted(cuts), len(CLIENT)]
    connection = GrpcAtHttp(HINT)
    said = b"".join(connection.feed(CLIENT[a:b]) for a, b in pairwise(places))

    assert said == GrpcAtHttp(HINT).feed(CLIENT)
    assert said.startswith(OPENING + ACK)
    assert said.endswith(_frame(7, 0, 0, struct.pack(">II", 5, 0)))
    assert b"grpc-status\x0212" in said
    assert HINT.encode() in said


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_anything_may_arrive_and_little_is_said(first: bytes, second: bytes) -> None:
    """Nobody can make it talk without end, or keep what it is sent."""
    connection = GrpcAtHttp(HINT)
    said = connection.feed(PREFACE + first) + connection.feed(second)

    assert len(said) <= len(OPENING) + len(ACK) * (len(first + second) // 9) + 200


def test_a_frame_larger_than_agreed_ends_the_talk() -> None:
    """Sixteen megabytes could be announced, and would have to be kept until they came."""
    connection = GrpcAtHttp(HINT)

    assert connection.feed(PREFACE + b"\xff\xff\xff\x01\x04\x00\x00\x00\x01") == OPENING
    assert connection.feed(CLIENT) == b""


def test_a_hint_longer_than_one_byte_can_count_is_whole() -> None:
    """Paths of unix sockets are long."""
    hint = "x" * 200
    said = GrpcAtHttp(hint).feed(CLIENT)

    assert bytes((127, 200 - 127)) + hint.encode() in said
