"""Messages recorded as events: GenAI before 1.37 wrote one event a message, on the span or as a log record.

Some emitters keep the same events as a list in one attribute (pydantic-ai's `events` and `all_messages_events`,
Logfire's `events`), and Azure's puts the whole body into `gen_ai.event.content` as JSON. All of them end here.
Source: https://github.com/open-telemetry/semantic-conventions/blob/v1.36.0/docs/gen-ai/gen-ai-events.md.
"""

from collections.abc import Iterable, Mapping

from domain.content_json import read_json
from domain.content_messages import ASSISTANT, REDACTED, SYSTEM, TOOL, USER, Message
from domain.content_parts import message_in
from domain.otlp import PlainValue, Span, attributes

CHOICE = "gen_ai.choice"
ROLES: Mapping[str, str] = {
    "gen_ai.system.message": SYSTEM,
    "gen_ai.user.message": USER,
    "gen_ai.assistant.message": ASSISTANT,
    "gen_ai.tool.message": TOOL,
    CHOICE: ASSISTANT,
}
_BODIES = ("gen_ai.event.content", "body")
_STRUCTURES = (*_BODIES, "message", "tool_calls", "function_call", "parts")
_PARTS = '[{"type"'
_NAME = "event.name"
_CONTENT_KEYS = ("content", "parts", "text", "tool_calls", "function_call", "body")


def event_name(event: Span.Event) -> str:
    """The name under which an event is known; log records may keep theirs in an attribute."""
    if event.name.startswith("gen_ai."):
        return event.name
    return next((item.value.string_value for item in event.attributes if item.key == _NAME), event.name)


def event_messages(events: Iterable[Span.Event], *, choices: bool) -> tuple[Message, ...]:
    """The messages of events, by time: the answers, or all the others."""
    ordered = sorted(events, key=lambda event: event.time_unix_nano)
    told = [(event_name(event), attributes(event)) for event in ordered]
    return _messages([item for item in told if (item[0] == CHOICE) is choices])


def listed_messages(found: PlainValue, *, choices: bool) -> tuple[Message, ...] | None:
    """The messages of a list of events; None when it is no such list."""
    if not isinstance(found, list):
        return None
    told = [(name, item) for item in found if isinstance(item, dict) and isinstance(name := item.get(_NAME), str)]
    if found and not told:
        return None
    chosen = _messages([item for item in told if (item[0] == CHOICE) is choices])
    return chosen or (None if choices else ())


def _messages(told: list[tuple[str, dict[str, PlainValue]]]) -> tuple[Message, ...]:
    if told and told[0][0] == CHOICE:
        told = sorted(told, key=lambda item: number if isinstance(number := item[1].get("index"), int) else 0)
    return tuple(_message(body, ROLES[name]) for name, body in told if name in ROLES)


def _message(body: dict[str, PlainValue], role: str) -> Message:
    """The message of one event; without content and calls it was recorded, and its words were not."""
    said = {key: _opened(value) if key in _STRUCTURES else value for key, value in body.items()}
    for key in _BODIES:
        if isinstance(inner := said.get(key), dict):
            said |= inner
        elif inner is not None:
            said.setdefault("content", inner)
    inner = said.get("message")
    if isinstance(inner, str):
        said["message"] = inner = {"content": inner}
    if isinstance(content := said.get("content"), str) and content.startswith(_PARTS):
        said["content"] = _opened(content)
    place = inner if isinstance(inner, dict) else said
    if not any(key in place or key in said for key in _CONTENT_KEYS):
        about = {key: said.get(key) for key in ("finish_reason", "id")}
        return message_in({"content": REDACTED, "role": role, **about})
    if "content" in place and place["content"] is None:
        place = {**place, "content": ""}
        said = {**said, "message": place} if isinstance(inner, dict) else place
    return message_in({"role": role, **_plain(said)}, role)


def _plain(said: dict[str, PlainValue]) -> dict[str, PlainValue]:
    """What a message is made of; the rest of an event's attributes is about it."""
    kept = ("content", "finish_reason", "function_call", "id", "message", "parts", "role", "text", "tool_calls")
    return {key: said[key] for key in kept if said.get(key) is not None}


def _opened(value: PlainValue) -> PlainValue:
    """A value, parsed where it is JSON of a list or an object."""
    if not isinstance(value, str) or not value.startswith(("[{", '{"', "{}")):
        return value
    found = read_json(value)
    return value if found is None else found.value
