"""Text that is no UTF-8 in an encoded message, made readable without touching anything else.

Senders that cut text at a byte count send half characters. Protobuf's parser in Python then refuses the whole message,
where those of Go and Rust let it pass: one broken name would cost a batch of good spans. So the encoded bytes are
walked along the message's descriptor, and what a strict decoder refuses in its string fields becomes U+FFFD. All
else stays byte for byte: other fields, fields nobody declared, and the order and encoding of everything.
Strings: https://protobuf.dev/programming-guides/proto3/#scalar. Replacement: https://www.unicode.org/versions/latest/,
chapter 3.9, as Python's `replace` does it.
"""

from functools import cache
from typing import NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from domain.errors import PermanentError
from domain.wire import TRUNCATED, as_varint, fields, varint

MAX_DEPTH = 100
"""Messages nested in each other; protobuf's own parser accepts no more."""


class Repaired(NamedTuple):
    """An encoded message in which all text is UTF-8, and how many strings were changed for it."""

    data: bytes
    strings: int


class _Edit(NamedTuple):
    start: int
    end: int
    new: bytes


def repair(data: bytes, kind: Descriptor) -> Repaired:
    """The encoded message of a kind with every string readable; the same bytes when they all are.

    PermanentError when `data` is no protobuf, or nested more deeply than `MAX_DEPTH`.
    """
    edits: list[_Edit] = []
    try:
        _, strings = _walk(data, 0, len(data), kind, edits, MAX_DEPTH)
    except IndexError:
        raise PermanentError(TRUNCATED) from None
    return Repaired(_edited(data, edits), strings) if strings else Repaired(data, 0)


def _walk(data: bytes, start: int, end: int, kind: Descriptor, edits: list[_Edit], depth: int) -> tuple[int, int]:
    """Collects, in order, the edits that the message in a slice needs; how much it grows and its broken strings."""
    if depth < 0:
        raise PermanentError(f"the values are nested more than {MAX_DEPTH} deep; send flatter ones")
    table = _table(kind)
    growth, strings = 0, 0
    for field, value_start, tag_start, value_end in fields(data, start, end):
        if field not in table:
            continue
        inner = table[field]
        position = len(edits)
        if inner is None:
            new = _readable(data[value_start:value_end])
            if new is None:
                continue
            edits.append(_Edit(value_start, value_end, new))
            grown, broken = len(new) - (value_end - value_start), 1
        else:
            grown, broken = _walk(data, value_start, value_end, inner, edits, depth - 1)
        if not broken:
            continue
        strings += broken
        growth += grown
        if grown:
            _, length_start = varint(data, tag_start)
            length = as_varint(value_end - value_start + grown)
            edits.insert(position, _Edit(length_start, value_start, length))
            growth += len(length) - (value_start - length_start)
    return growth, strings


def _readable(text: bytes) -> bytes | None:
    """The text with U+FFFD for what is no UTF-8; None when nothing is to be replaced."""
    if text.isascii():
        return None
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").encode()
    return None


def _edited(data: bytes, edits: list[_Edit]) -> bytes:
    out: list[bytes] = []
    position = 0
    for start, end, new in edits:
        out += (data[position:start], new)
        position = end
    out.append(data[position:])
    return b"".join(out)


@cache
def _table(kind: Descriptor) -> dict[int, Descriptor | None]:
    """By number, the fields to look into: messages by their kind, None for a string."""
    return {
        field.number: field.message_type
        for field in kind.fields
        if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE)
    }
