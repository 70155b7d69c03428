"""Spans as slices of the bytes they came in: split a trace request, join slices again, lose nothing.

A parsed and re-serialised message is not the message that arrived: field order, unknown fields and
non-minimal encodings may differ. The window's truth is the bytes, so it cuts and pastes them instead.
`TracesData` and `ExportTraceServiceRequest` have the same shape (field 1, ResourceSpans), so one pair of
functions serves requests, hot batches and frames.
Encoding: https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from domain.errors import PermanentError

_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS = 1, 2, 2
_VARINT, _FIXED64, _LEN, _GROUP, _END_GROUP, _FIXED32 = 0, 1, 2, 3, 4, 5
_MAX_GROUP_DEPTH = 100
TRUNCATED = "truncated protobuf: a field runs past the end of the message"


class Piece(NamedTuple):
    """One span with its envelopes, each as encoded bytes.

    `resource` is the ResourceSpans without its scope_spans, `scope` the ScopeSpans without its spans.
    """

    resource: bytes
    scope: bytes
    span: bytes


class Place(NamedTuple):
    """Where a span lies in an encoded request, and its envelopes as in `Piece`."""

    resource: bytes
    scope: bytes
    start: int
    end: int


def split(request: bytes) -> Iterator[Piece]:
    """Every span of an encoded trace request, in order; PermanentError when the bytes are no protobuf."""
    for resource, scope, start, end in locate(request):
        yield Piece(resource, scope, request[start:end])


def locate(request: bytes) -> Iterator[Place]:
    """As `split`, without copying the spans."""
    try:
        for field, start, _, end in fields(request, 0, len(request)):
            if field == _RESOURCE_SPANS:
                yield from _locate_in_resource(request, start, end)
    except IndexError:
        raise PermanentError(TRUNCATED) from None


def _locate_in_resource(data: bytes, start: int, end: int) -> Iterator[Place]:
    resource, scopes = _part(data, start, end, _SCOPE_SPANS)
    for scope_start, scope_end in scopes:
        scope, spans = _part(data, scope_start, scope_end, _SPANS)
        for span_start, span_end in spans:
            yield Place(resource, scope, span_start, span_end)


def outside(request: bytes) -> bytes:
    """The fields of an encoded request that `split` leaves out: all but field 1, byte for byte."""
    try:
        return _part(request, 0, len(request), _RESOURCE_SPANS)[0]
    except IndexError:
        raise PermanentError(TRUNCATED) from None


def _part(data: bytes, start: int, end: int, wanted: int) -> tuple[bytes, list[tuple[int, int]]]:
    """The bytes of a message outside the field `wanted`, and where that field's values lie.

    Wanted fields mostly stand in one run, so their usual encoding is read in place: this loop sees every span.
    """
    rest: list[bytes] = []
    found: list[tuple[int, int]] = []
    usual_tag, position = wanted << 3 | _LEN, start
    while position < end:
        if data[position] == usual_tag:
            length = data[position + 1]
            if length < 0x80:
                value_start = position + 2
            else:
                length, value_start = varint(data, position + 1)
            position = value_start + length
            if position > end:
                raise PermanentError(TRUNCATED)
            found.append((value_start, position))
            continue
        field, value_start, tag_start, position = next(fields(data, position, end))
        if field == wanted:
            found.append((value_start, position))
        else:
            rest.append(data[tag_start:position])
    return b"".join(rest), found


def fields(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number or 0 when not length-delimited, value start, tag start, value end) of the message in a slice.

    PermanentError when the slice is no message; IndexError when `data` ends within one of its fields.
    """
    while position < end:
        tag_start = position
        tag, position = varint(data, position)
        if tag & 7 == _LEN:
            length, position = varint(data, position)
            value_start, position = position, position + length
            field = tag >> 3
        else:
            value_start, position = position, _skip(data, position, tag, 0)
            field = 0
        if position > end:
            raise PermanentError(TRUNCATED)
        yield field, value_start, tag_start, position


def varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at a position and the position after it; IndexError when `data` ends within it."""
    byte = data[position]
    if byte < 0x80:
        return byte, position + 1
    value, shift = byte & 0x7F, 7
    while True:
        position += 1
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
        if shift > 63:
            raise PermanentError("malformed protobuf: a varint is longer than ten bytes")


def _skip(data: bytes, position: int, tag: int, depth: int) -> int:
    """The position after a value that is not length-delimited; groups nest, so their depth is limited."""
    kind = tag & 7
    if kind == _VARINT:
        return varint(data, position)[1]
    if kind == _FIXED64:
        return position + 8
    if kind == _FIXED32:
        return position + 4
    if kind != _GROUP or depth > _MAX_GROUP_DEPTH:
        raise PermanentError(f"malformed protobuf: wire type {kind} cannot stand here")
    while True:
        inner, position = varint(data, position)
        if inner & 7 == _END_GROUP:
            return position
        if inner & 7 == _LEN:
            length, position = varint(data, position)
            position += length
        else:
            position = _skip(data, position, inner, depth + 1)


def join(pieces: Iterable[Piece]) -> bytes:
    """Encoded TracesData that holds the pieces in order; neighbours share an envelope where it is equal."""
    out: list[bytes] = []
    for resource, of_resource in groupby(pieces, key=lambda piece: piece.resource):
        body = [resource]
        for scope, of_scope in groupby(of_resource, key=lambda piece: piece.scope):
            inner = [scope]
            for piece in of_scope:
                inner += (_head(_SPANS, len(piece.span)), piece.span)
            body.append(_head(_SCOPE_SPANS, sum(map(len, inner))))
            body += inner
        out.append(_head(_RESOURCE_SPANS, sum(map(len, body))))
        out += body
    return b"".join(out)


def _head(field: int, length: int) -> bytes:
    """What stands before the bytes of a length-delimited field below 16."""
    return bytes((field << 3 | _LEN,)) + as_varint(length)


def as_varint(number: int) -> bytes:
    """A number of at least 0, in as few bytes as it takes."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
