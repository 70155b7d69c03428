"""Messages of any OTLP type, filled at random along their descriptors: what no list of examples would think of."""

import math
import random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

_ID_BYTES = {"trace_id": 16, "span_id": 8, "parent_span_id": 8, "profile_id": 16}
_TEXTS = ("", "a", "gen_ai.system", "é\n", "\U0001f600", '"\\', "\0")
_DOUBLES = (0.0, -0.0, 1.5, -1e300, 5e-324, math.inf, -math.inf, math.nan)
_BITS = {
    FieldDescriptor.TYPE_INT32: (True, 31),
    FieldDescriptor.TYPE_SINT32: (True, 31),
    FieldDescriptor.TYPE_INT64: (True, 63),
    FieldDescriptor.TYPE_SFIXED64: (True, 63),
    FieldDescriptor.TYPE_UINT32: (False, 32),
    FieldDescriptor.TYPE_FIXED32: (False, 32),
    FieldDescriptor.TYPE_UINT64: (False, 64),
    FieldDescriptor.TYPE_FIXED64: (False, 64),
}


def any_message(kind: type[Message], chance: random.Random) -> Any:
    """A message whose ids are valid or empty; it is the same for the same state of `chance`."""
    return kind(**_fields(kind.DESCRIPTOR, chance, 0))


def _fields(descriptor: Descriptor, chance: random.Random, depth: int) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for field in descriptor.fields:
        if chance.random() < (0.2 if depth > 3 else 0.7) and depth < 12:
            many = chance.randint(0, 2)
            chosen[field.name] = (
                [_value(field, chance, depth) for _ in range(many)]
                if field.is_repeated
                else _value(field, chance, depth)
            )
    for union in descriptor.oneofs:
        rivals = [field.name for field in union.fields if field.name in chosen]
        for name in chance.sample(rivals, max(0, len(rivals) - 1)):
            del chosen[name]
    return chosen


def _value(field: FieldDescriptor, chance: random.Random, depth: int) -> Any:
    if field.message_type is not None:
        return _fields(field.message_type, chance, depth + 1)
    if field.type in _BITS:
        is_signed, bits = _BITS[field.type]
        return chance.choice((0, 1, 2**bits - 1, -(2**bits) if is_signed else chance.getrandbits(bits)))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return chance.randbytes(chance.choice((0, _ID_BYTES.get(field.name, 5))))
    return {
        FieldDescriptor.TYPE_STRING: chance.choice(_TEXTS),
        FieldDescriptor.TYPE_DOUBLE: chance.choice(_DOUBLES),
        FieldDescriptor.TYPE_BOOL: chance.random() < 0.5,
        FieldDescriptor.TYPE_ENUM: chance.choice((0, 1, 2, 99, -1)),
    }[field.type]
