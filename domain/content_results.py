"""What a tool returned, taken out of what frameworks put around it.

Google's ADK wraps every plain value as `{"result": …}`, LangSmith and OpenLLMetry keep the framework's whole
output as `{"output": …}`, LangChain dumps a message that names the call it answers, and some SDKs write a text
as a JSON string.
"""

from collections.abc import Mapping
from typing import NamedTuple

from domain.content_fields import ADK_RESULT
from domain.content_json import read_json
from domain.content_messages import text_of
from domain.content_parts import result_text
from domain.otlp import PlainValue

WRAPPING = (ADK_RESULT, "gen_ai.completion", "traceloop.entity.output", "response_data")
_WRAPPER_KEYS = ("output", "outputs", "result")
_BESIDE = frozenset(("kwargs", "metadata", "run", "tags"))
_ID = "tool_call_id"


class RecordedResult(NamedTuple):
    """A result as text, and the id of the call it names, "" when it names none."""

    text: str
    call_id: str = ""


def recorded_result(text: str, *, is_json: bool, is_wrapped: bool) -> RecordedResult:
    """The result in a recorded text; `is_json` and `is_wrapped` say what its emitter does to plain values."""
    if is_json and len(text) > 1 and text[0] == text[-1] == '"':
        found = read_json(text)
        return RecordedResult(text if found is None else text_of(found.value))
    if text[:1] != "{" or not (is_wrapped or _ID in text):
        return RecordedResult(text)
    found = read_json(text)
    if found is None or found.is_cut or not isinstance(found.value, dict):
        return RecordedResult(text)
    inner = _inner(found.value) if is_wrapped else found.value
    message = _dumped_message(inner)
    if message is not None:
        return RecordedResult(result_text(message.get("content")), text_of(message.get(_ID)))
    return RecordedResult(text if inner is found.value else text_of(inner))


def inner_result(text: str) -> str:
    """The text of what a framework's whole output holds."""
    return recorded_result(text, is_json=True, is_wrapped=True).text


def _inner(value: dict[str, PlainValue]) -> PlainValue:
    """The only thing that a wrapper holds, or the value itself."""
    names = value.keys() - _BESIDE
    return value[next(iter(names))] if len(names) == 1 and names <= set(_WRAPPER_KEYS) else value


def _dumped_message(value: PlainValue) -> Mapping[str, PlainValue] | None:
    """A tool message as LangChain dumps it, plain or as a constructor; None for anything else."""
    if not isinstance(value, dict):
        return None
    inner = value.get("kwargs") if "lc" in value else value
    return inner if isinstance(inner, dict) and "content" in inner and _ID in inner else None
