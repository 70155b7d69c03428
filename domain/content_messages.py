"""Messages of a history in one schema, whatever dialect wrote them.

Nothing here knows a dialect: readers of flattened keys, JSON and span events all build these values, so that
whoever looks at a message (a detector, a page) looks at one shape only.
"""

import json
from typing import NamedTuple

from domain.otlp import AnyValue, PlainValue, plain

REDACTED = "__REDACTED__"
"""Stands where an emitter recorded that there was content and hid it (OpenInference's own mark)."""

ASSISTANT, SYSTEM, TOOL, USER = "assistant", "system", "tool", "user"
_SPOKEN = frozenset((ASSISTANT, SYSTEM, TOOL, USER))
_ROLES = {
    "ai": ASSISTANT,
    "bot": ASSISTANT,
    "developer": SYSTEM,
    "function": TOOL,
    "human": USER,
    "model": ASSISTANT,
    "tool-call": ASSISTANT,  # smolagents
    "tool-response": TOOL,
}


class ToolCall(NamedTuple):
    """A tool call an LLM asked for; `arguments` is its JSON text as recorded, None when not recorded."""

    call_id: str
    name: str
    arguments: str | None


class ToolResult(NamedTuple):
    """What a tool call returned, as it was told to the LLM; `call_id` is "" when not recorded."""

    call_id: str
    text: str


class Message(NamedTuple):
    """One message; `other_parts` counts what is none of text, reasoning, calls and results (images, audio).

    `role` is system, user, assistant or tool, or any other role that was recorded, lower-case. What tools
    returned is in `results` and never in `text`. `refuses`: it was marked as a refusal.
    Hidden text reads as `REDACTED`.
    """

    role: str = ""
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    other_parts: int = 0
    results: tuple[ToolResult, ...] = ()
    reasoning: str = ""
    refuses: bool = False


class Draft:
    """A message whose parts arrive one at a time, in whatever order and shape."""

    __slots__ = ("call_id", "calls", "finish_reason", "other_parts", "reasoning", "refuses", "results", "role", "words")

    def __init__(self, role: str = "") -> None:
        self.role = role
        self.words: list[str] = []
        self.calls: list[ToolCall] = []
        self.results: list[ToolResult] = []
        self.reasoning: list[str] = []
        self.finish_reason = ""
        self.other_parts = 0
        self.refuses = False
        self.call_id = ""  # the call that a message of role tool answers

    def message(self) -> Message:
        """The message as far as it was recorded; a tool's words are a result."""
        role = role_of(self.role)
        text = "\n".join(filter(None, self.words))
        results = self.results
        if role == TOOL and not results:
            results, text = [ToolResult(self.call_id, text)], ""
        elif results and not text and not self.calls and role in ("", USER):
            role = TOOL
        reasoning = "\n".join(filter(None, self.reasoning))
        calls, others = tuple(self.calls), self.other_parts
        return Message(role, text, calls, self.finish_reason, others, tuple(results), reasoning, self.refuses)


def says_something(message: Message) -> bool:
    """Whether anything but reasoning was said."""
    return bool(message.text or message.calls or message.other_parts or message.results)


def role_of(role: str) -> str:
    """A role in the words of this schema."""
    if role in _SPOKEN:
        return role
    known = role.lower()
    return _ROLES.get(known, known)


def with_role(message: Message, role: str) -> Message:
    """The message with a role: its own, else what its parts tell, else the given one."""
    if message.role:
        return message
    if message.calls or (message.reasoning and not message.text):
        return message._replace(role=ASSISTANT)
    return message._replace(role=TOOL if message.results and not message.text else role)


def text_of(value: PlainValue) -> str:
    """A plain value as text: text as it is, nothing as "", anything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):
        return ""


def value_text(value: AnyValue) -> str:
    """A recorded value as text."""
    return value.string_value or text_of(plain(value))


def holds_something(value: AnyValue) -> bool:
    """Whether a recorded value is anything but nothing or an empty text."""
    return bool(value.string_value) or value.WhichOneof("value") not in (None, "string_value")
