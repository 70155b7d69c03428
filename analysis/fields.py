"""Fields of a span as text: what evidence quotes and `halo verify` looks up again.

A path is `name`, `status.message`, `attributes.<key>`, `events[<n>].name`, `events[<n>].attributes.<key>`,
`resource.attributes.<key>` or `scope.name`; a key may hold dots. Text values are themselves, byte values
hexadecimal, all others canonical JSON.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from domain import content_fields
from domain.content_events import CHOICE
from domain.otlp import KeyValue, Span, plain
from domain.semconv import FIELDS
from domain.spans import StoredSpan

_EVENT = re.compile(r"events\[(\d{1,9})\]\.(.+)", re.DOTALL)
_ATTRIBUTES = "attributes."
_EXCEPTION_MESSAGE = "exception.message"
_REQUESTED_TOOL = re.compile(r"(?:\.tool_call\.function|^gen_ai\.completion\.\d+\.tool_calls\.\d+)\.name$")

_OUTPUT_EVENTS: Mapping[str, tuple[str, ...]] = {
    CHOICE: ("message", "gen_ai.event.content"),
    "gen_ai.client.inference.operation.details": (content_fields.GENAI_OUTPUT,),
}
_TOLD_IN_EVENTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "output": _OUTPUT_EVENTS,
    "tool_calls": _OUTPUT_EVENTS,
    "result": {"gen_ai.tool.message": ("content", "gen_ai.event.content")},
}
_KEYS: Mapping[str, tuple[str, ...]] = {
    "arguments": (*content_fields.STATED_ARGUMENTS, *content_fields.INPUT_VALUES),
    "result": (*content_fields.STATED_RESULTS, *content_fields.RESULTS),
    "output": (
        "llm.output_messages.0.message.content",
        content_fields.GENAI_OUTPUT,
        "gen_ai.completion.0.content",
        *content_fields.VERCEL_TEXT,
        *content_fields.VERCEL_OBJECT,
        *content_fields.OUTPUTS,
    ),
    "tool_calls": (
        content_fields.GENAI_OUTPUT,
        *content_fields.VERCEL_CALLS,
        *content_fields.OUTPUTS,
        *content_fields.EVENT_LISTS,
    ),
    "finish": content_fields.FINISH,
    "model": FIELDS["model"],
    "input_tokens": FIELDS["input_tokens"],
}
_PLACES = {what: tuple(_ATTRIBUTES + key for key in keys) for what, keys in _KEYS.items()} | {"name": ("name",)}


def field_text(stored: StoredSpan, path: str) -> str | None:
    """The text of a field; None when the span does not have it."""
    span = stored.span
    if path == "name":
        return span.name
    if path == "status.message":
        return span.status.message
    if path == "scope.name":
        return stored.scope.name
    if path.startswith(_ATTRIBUTES):
        return _attribute(span.attributes, path.removeprefix(_ATTRIBUTES))
    if path.startswith("resource." + _ATTRIBUTES):
        return _attribute(stored.resource.attributes, path.removeprefix("resource." + _ATTRIBUTES))
    return _event_text(span, path)


def _event_text(span: Span, path: str) -> str | None:
    found = _EVENT.fullmatch(path)
    if found is None or int(found[1]) >= len(span.events):
        return None
    event, rest = span.events[int(found[1])], found[2]
    if rest == "name":
        return event.name
    return _attribute(event.attributes, rest.removeprefix(_ATTRIBUTES)) if rest.startswith(_ATTRIBUTES) else None


def _attribute(attributes: Iterable[KeyValue], key: str) -> str | None:
    """The value of the last attribute with this key, as text."""
    found = None
    for item in attributes:
        if item.key == key:
            found = item.value
    if found is None:
        return None
    value = plain(found)
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=bytes.hex)


def places(stored: StoredSpan, what: str) -> Iterator[str]:
    """Paths at which a span may say something ("error", "arguments", "finish", …), the most telling first."""
    span = stored.span
    if what == "error":
        yield "status.message"
        for at in range(len(span.events) - 1, -1, -1):
            if span.events[at].name == "exception":
                yield f"events[{at}].{_ATTRIBUTES}{_EXCEPTION_MESSAGE}"
        yield f"{_ATTRIBUTES}{_EXCEPTION_MESSAGE}"
        yield f"{_ATTRIBUTES}error.type"
        return
    if what == "tool_calls":
        yield from (_ATTRIBUTES + item.key for item in span.attributes if _REQUESTED_TOOL.search(item.key))
    yield from _PLACES.get(what, ())
    told = _TOLD_IN_EVENTS.get(what, {})
    for at, event in enumerate(span.events):
        yield from (f"events[{at}].{_ATTRIBUTES}{key}" for key in told.get(event.name, ()))
