"""Redacts whole messages: every string and byte string of any type, found by its descriptors."""

import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToJson

from collector.redaction.texts import Texts, globs

_IDS = frozenset({"trace_id", "span_id", "parent_span_id", "profile_id"})
_VALUE = "opentelemetry.proto.common.v1.KeyValue"
_SCALAR = ("string_value", "int_value", "double_value", "bool_value")


class Messages:
    """Applies texts' rules to messages; `allow` names the attributes that stay (empty: all)."""

    def __init__(self, texts: Texts, allow: tuple[str, ...]) -> None:
        self._texts = texts
        self._allow: re.Pattern[str] | None = globs(allow)

    def redact(self, message: Any) -> bool:
        """Change a message in place; whether anything was."""
        changed = False
        for field, value in message.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                changed |= self._inner(message, field, value)
            elif field.type == FieldDescriptor.TYPE_STRING or (
                field.type == FieldDescriptor.TYPE_BYTES and field.name not in _IDS
            ):
                changed |= self._scalars(message, field.name, value)
        return changed

    def _inner(self, message: Any, field: FieldDescriptor, value: Any) -> bool:
        if not hasattr(value, "add"):
            return self.redact(value)
        changed = False
        if field.message_type is not None and field.message_type.full_name == _VALUE:
            changed = self._left_out(value) if self._allow is not None and field.name != "values" else False
            return any([changed, *[self._attribute(each) for each in value]])
        for each in value:
            changed |= self.redact(each)
        return changed

    def _left_out(self, attributes: Any) -> bool:
        assert self._allow is not None
        gone = [place for place, each in enumerate(attributes) if not self._allow.match(each.key)]
        for place in reversed(gone):
            del attributes[place]
        return bool(gone)

    def _attribute(self, attribute: Any) -> bool:
        value = attribute.value
        kind = value.WhichOneof("value")
        if kind is None:
            return self.redact(attribute)
        shown = str(getattr(value, kind)) if kind in _SCALAR else MessageToJson(value)
        new = self._texts.named(attribute.key, shown)
        if new is None:
            return self.redact(attribute)
        value.string_value = new
        key = self._texts.text(attribute.key)
        attribute.key = key
        return True

    def _scalars(self, message: Any, name: str, value: Any) -> bool:
        if isinstance(value, str | bytes):
            new = self._scalar(value)
            if new != value:
                setattr(message, name, new)
            return new != value
        changed = False
        for place, each in enumerate(value):
            new = self._scalar(each)
            if new != each:
                value[place], changed = new, True
        return changed

    def _scalar(self, value: str | bytes) -> str | bytes:
        if isinstance(value, str):
            return self._texts.text(value)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return value
        new = self._texts.text(text)
        return value if new == text else new.encode()
