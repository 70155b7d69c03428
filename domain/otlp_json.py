"""OTLP/JSON as the protobuf message it stands for, and back.

OTLP's JSON differs from protobuf's: ids are hexadecimal and unknown fields are ignored
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). So the mapping is our own; it is read off the
message descriptors once, and a field that a newer opentelemetry-proto adds needs no line here. Where senders
differ it accepts what is unambiguous: snake_case names, enum names, 64-bit integers as numbers or text.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from domain.errors import PermanentError
from domain.otlp import ExportTraceServiceRequest
from domain.signals import SIGNALS, Signal

MAX_DEPTH = 100
"""Messages nested in each other; what protobuf's own parser accepts, so that both encodings carry the same."""

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
_Convert = Callable[[Any, int], Any]
_Table = dict[str, tuple[str, _Convert]]
_Request = TypeVar("_Request", bound=Message)

_ID_BYTES = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_PROFILE_ID = re.compile(r"[0-9a-fA-F]{32}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][-+]?[0-9]{1,4})?")
_SPECIAL = frozenset(("NaN", "Infinity", "-Infinity"))
_URL_SAFE = str.maketrans("-_", "+/")
_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
_INTEGERS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SINT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
}
_WIDE = frozenset(kind for kind, (_, high) in _INTEGERS.items() if high > 2**32)


def decode(body: bytes, signal: Signal) -> Any:
    """The request of a signal that an OTLP/JSON body stands for.

    What does not fit is a PermanentError, with the path of the culprit and never its value; so is an id that is not
    hexadecimal or of a wrong length. An empty id is left to those who know whether the field may be empty.
    """
    try:
        document = json.loads(body)
    except RecursionError:
        raise PermanentError("the JSON is nested too deeply") from None
    except ValueError as error:
        raise PermanentError(f"the body is not JSON: {error}") from None
    return message_from_json(document, signal.request)


def from_json(document: object) -> ExportTraceServiceRequest:
    """A trace request of parsed JSON; null stands for an empty one."""
    return message_from_json(document, ExportTraceServiceRequest)


def message_from_json(document: object, kind: type[_Request]) -> _Request:
    """As `from_json`, for the request of any signal."""
    try:
        return kind(**_message(_REQUESTS[kind], {} if document is None else document, 0))
    except PermanentError as error:
        raise PermanentError(str(error).removeprefix(": ")) from None


def to_json(message: Message) -> dict[str, JsonValue]:
    """Any OTLP message as OTLP/JSON: hexadecimal ids, 64-bit integers as text, enums as numbers, defaults left out."""
    return {
        field.json_name: [_written(field, item) for item in value] if field.is_repeated else _written(field, value)
        for field, value in message.ListFields()
    }


def _written(field: FieldDescriptor, value: Any) -> JsonValue:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return to_json(value)
    if field.type in _WIDE:
        return str(value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return str(value.hex() if field.name in _ID_BYTES else base64.b64encode(value).decode())
    if field.type == FieldDescriptor.TYPE_DOUBLE and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    plain: JsonValue = value
    return plain


def _message(table: _Table, value: Any, depth: int) -> dict[str, Any]:
    """The constructor arguments of a message; the path of what does not fit grows on the way out."""
    if type(value) is not dict:
        raise _mismatch("an object", value)
    if depth >= MAX_DEPTH:
        raise PermanentError(f": nested deeper than {MAX_DEPTH} messages")
    fields = {}
    for key, item in value.items():
        known = table.get(key)
        if known is None or item is None:
            continue
        name, convert = known
        try:
            fields[name] = convert(item, depth + 1)
        except PermanentError as error:
            text = str(error)
            raise PermanentError(f"{key}{text}" if text[0] in ":[" else f"{key}.{text}") from None
    return fields


def _list(convert: _Convert, value: Any, depth: int) -> list[Any]:
    if type(value) is not list:
        raise _mismatch("a list", value)
    items: list[Any] = []
    try:
        for item in value:
            items.append(convert({} if item is None else item, depth))
    except PermanentError as error:
        text = str(error)
        place = f"[{len(items)}]"
        raise PermanentError(f"{place}{text}" if text[0] in ":[" else f"{place}.{text}") from None
    return items


def _text(value: Any, depth: int) -> str:
    """Text that protobuf can carry: half a surrogate pair, as a string cut in the middle ends with, becomes U+FFFD."""
    if type(value) is not str:
        raise _mismatch("a string", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _boolean(value: Any, depth: int) -> bool:
    if type(value) is not bool:
        raise _mismatch("a boolean", value)
    return value


def _integer(low: int, high: int, value: Any, depth: int) -> int:
    if (type(value) is str and _DECIMAL.fullmatch(value)) or (type(value) is float and value.is_integer()):
        value = int(value)
    if type(value) is not int:
        raise _mismatch("an integer", value)
    if not low <= value <= high:
        raise PermanentError(f": the integer lies outside {low} to {high}")
    return value


def _double(value: Any, depth: int) -> float:
    if type(value) is str and (value in _SPECIAL or _NUMBER.fullmatch(value)):
        return float(value)
    if type(value) is not float and type(value) is not int:
        raise _mismatch("a number", value)
    try:
        return float(value)
    except OverflowError:
        raise PermanentError(": the number is too large for a double") from None


def _enum(names: dict[str, int], value: Any, depth: int) -> int:
    if type(value) is str and value in names:
        return names[value]
    return _integer(*_INTEGERS[FieldDescriptor.TYPE_INT32], value, depth)


def _id(size: int, value: Any, depth: int) -> bytes:
    if type(value) is not str:
        raise _mismatch("a hexadecimal string", value)
    try:
        found = binascii.unhexlify(value)
    except ValueError:
        raise PermanentError(f": expected {2 * size} hexadecimal digits") from None
    if len(found) != size and found:
        raise PermanentError(f": expected {2 * size} hexadecimal digits, got {len(value)}")
    return found


def _profile_id(value: Any, depth: int) -> bytes:
    """Base64 as the specification has it, or hexadecimal as the Collector writes it; 16 bytes cannot be both."""
    if type(value) is str and _PROFILE_ID.fullmatch(value):
        return binascii.unhexlify(value)
    return _bytes(value, depth)


def _bytes(value: Any, depth: int) -> bytes:
    """Base64, standard or URL-safe, with or without padding (https://protobuf.dev/programming-guides/json/)."""
    if type(value) is not str:
        raise _mismatch("a base64 string", value)
    text = value.translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise PermanentError(": expected base64") from None


def _mismatch(expected: str, value: object) -> PermanentError:
    return PermanentError(f": expected {expected}, got {_KINDS.get(type(value), 'null')}")


def _table(descriptor: Descriptor, known: dict[str, _Table]) -> _Table:
    """How the fields of a message are read, by both their names; `known` closes the circle of recursive messages."""
    table = known.get(descriptor.full_name)
    if table is None:
        table = known[descriptor.full_name] = {}
        for field in descriptor.fields:
            convert = _converter(field, known)
            table[field.json_name] = table[field.name] = (
                field.name,
                partial(_list, convert) if field.is_repeated else convert,
            )
    return table


def _converter(field: FieldDescriptor, known: dict[str, _Table]) -> _Convert:
    if isinstance(field.message_type, Descriptor):
        return partial(_message, _table(field.message_type, known))
    if isinstance(field.enum_type, EnumDescriptor):
        return partial(_enum, {value.name: value.number for value in field.enum_type.values})
    if field.type in _INTEGERS:
        return partial(_integer, *_INTEGERS[field.type])
    if field.name in _ID_BYTES:
        return partial(_id, _ID_BYTES[field.name])
    return {
        FieldDescriptor.TYPE_BYTES: _profile_id if field.name == "profile_id" else _bytes,
        FieldDescriptor.TYPE_STRING: _text,
        FieldDescriptor.TYPE_BOOL: _boolean,
        FieldDescriptor.TYPE_DOUBLE: _double,
    }[field.type]


_REQUESTS: dict[type[Message], _Table] = {signal.request: _table(signal.request.DESCRIPTOR, {}) for signal in SIGNALS}
