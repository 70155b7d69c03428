"""The exceptions that a span recorded as events."""

from typing import NamedTuple

from domain.otlp import Span

EXCEPTION = "exception"


class RecordedException(NamedTuple):
    """An exception event: its type, qualified as the language has it, and its message."""

    type: str
    message: str


def exception_of(span: Span) -> RecordedException | None:
    """The last exception event of a span."""
    for event in reversed(span.events):
        if event.name == EXCEPTION:
            said = {item.key: item.value.string_value for item in event.attributes}
            return RecordedException(said.get("exception.type", ""), said.get("exception.message", ""))
    return None
