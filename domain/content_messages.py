"""Messages of a conversation in one shape, whatever dialect wrote them.

A message arrives as flattened attribute keys, as JSON text, as a structured AnyValue, or as a provider's
whole response. Broken JSON never raises: it counts as text that somebody wrote.
Sources: OpenInference's specification, gen-ai-{input,output}-messages.json of the OpenTelemetry semantic
conventions, and the response objects of the OpenAI (chat, responses) and Anthropic APIs.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from domain.otlp import PlainValue

_TEXT_TYPES = frozenset(("text", "output_text", "input_text", "refusal", "compaction"))
_HIDDEN_TYPES = frozenset(("reasoning", "thinking", "redacted_thinking"))
_CALL_TYPES = frozenset(("tool_call", "tool_use", "function_call", "tool-call", "server_tool_use"))
_ANSWER_MARK = re.compile(r'"type"\s*:\s*"(?:tool_call_response|function_call_output|tool_result)"')
_ANSWER_ID = re.compile(r'"(?:tool_call_id|tool_use_id)"\s*:\s*"([^"\\]{1,200})"')
_WORK, _ATTEMPT_CHARS = 8, 20  # how often a text may be read over, and what an attempt costs at least
_DECODER = json.JSONDecoder()


class ToolCall(NamedTuple):
    """A tool call an LLM asked for; `arguments` is its JSON text as recorded, None when not recorded."""

    call_id: str
    name: str
    arguments: str | None


class OutputMessage(NamedTuple):
    """One answer of an LLM; `other_parts` counts what is neither text, reasoning nor a call (images, audio)."""

    role: str = ""
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    other_parts: int = 0


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


def messages_of(text: str) -> tuple[OutputMessage, ...]:
    """The messages in a JSON text; a text that is no JSON is one message that says just that."""
    try:
        found: PlainValue = json.loads(text)
    except (ValueError, RecursionError):
        return (OutputMessage(text=text),)
    return messages_in(found)


def messages_in(found: PlainValue) -> tuple[OutputMessage, ...]:
    """The messages in a parsed list of messages, a single message, or a provider's whole response."""
    if isinstance(found, str):
        return (OutputMessage(text=found),) if found else ()
    if isinstance(found, list):
        return tuple(_message(item) for item in found)
    if not isinstance(found, dict):
        return () if found is None else (OutputMessage(text=text_of(found)),)
    choices = found.get("choices")
    if isinstance(choices, list):
        return tuple(_message(choice) for choice in choices)
    if found.get("object") == "response" and isinstance(found.get("output"), list):
        return (_message({"role": "assistant", "parts": found["output"]}),)
    return (_message(found),)


def _message(item: PlainValue) -> OutputMessage:
    if not isinstance(item, dict) or not item:
        return OutputMessage(text=text_of(item or None))
    finish = text_of(item.get("finish_reason") or item.get("stop_reason"))
    inner = item.get("message")
    if isinstance(inner, dict):
        item = inner
    known = [item[key] for key in ("content", "parts", "text", "refusal") if item.get(key)]
    calls = _listed_calls(item)
    if not known and not calls and not any(key in item for key in ("content", "parts", "text", "role", "tool_calls")):
        return OutputMessage(text=text_of(item), finish_reason=finish)
    words: list[str] = []
    others = 0
    for part in known:
        others += _read_parts(part, words, calls)
    return OutputMessage(text_of(item.get("role")), "\n".join(words), tuple(calls), finish, others)


def _listed_calls(item: Mapping[str, PlainValue]) -> list[ToolCall]:
    listed = item.get("tool_calls")
    found = [_call(call) for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    single = item.get("function_call")
    return [*found, _call(single)] if isinstance(single, dict) else found


def _read_parts(content: PlainValue, words: list[str], calls: list[ToolCall], *, nested: bool = False) -> int:
    """Sort the parts of one content into words and calls; the number of parts that are neither.

    A part may be a whole message, as in the Responses API; a message inside that one counts as a part.
    """
    others = 0
    for part in content if isinstance(content, list) else [content]:
        if not isinstance(part, dict):
            words.append(text_of(part))
            continue
        kind = text_of(part.get("type"))
        inner = part.get("content")
        if kind in _CALL_TYPES:
            calls.append(_call(part))
        elif kind == "message" and isinstance(inner, list) and not nested:
            others += _read_parts(inner, words, calls, nested=True)
        elif kind in _TEXT_TYPES or (not kind and ("text" in part or "content" in part)):
            words.append(text_of(part.get("text") or inner or part.get("refusal")))
        elif kind not in _HIDDEN_TYPES:
            others += 1
    words[:] = [word for word in words if word]
    return others


def _call(item: Mapping[str, PlainValue]) -> ToolCall:
    inner = item.get("function")
    named = inner if isinstance(inner, dict) else item
    call_id = next((item[key] for key in ("call_id", "id", "tool_call_id", "toolCallId") if item.get(key)), None)
    arguments = next((named[key] for key in ("arguments", "input", "args") if named.get(key) is not None), None)
    name = named.get("name") or named.get("toolName")
    return ToolCall(text_of(call_id), text_of(name), None if arguments is None else text_of(arguments))


def flat_messages(items: Iterable[tuple[str, str]]) -> tuple[OutputMessage, ...]:
    """Messages from flattened attributes: keys with two words of prefix, and their values.

    Keys look like `llm.output_messages.0.message.tool_calls.1.tool_call.function.name` (OpenInference) or
    `gen_ai.completion.0.tool_calls.1.name` (GenAI before 1.37); the words between the numbers say nothing.
    """
    drafts: dict[int, _Draft] = {}
    for key, value in items:
        place = _place(key)
        if place is not None:
            draft = drafts.get(place.message)
            if draft is None:
                draft = drafts[place.message] = _Draft({}, {}, {})
            if place.list == "":
                draft.plain[place.word] = value
            elif place.list == "tool_calls":
                draft.calls.setdefault(place.item, {})[place.word] = value
            else:
                draft.contents.setdefault(place.item, {})[place.word] = value
    return tuple(_drafted(drafts[number]) for number in sorted(drafts))


class _Place(NamedTuple):
    """Where a flattened key puts its value: a word of a message, or of an item of one of its lists."""

    message: int
    list: str
    item: int
    word: str


@lru_cache(maxsize=4_096)
def _place(key: str) -> _Place | None:
    path = key.split(".")
    if len(path) < 4 or not path[2].isdecimal():
        return None
    numbered = next((at for at in range(4, len(path)) if path[at].isdecimal()), 0)
    item = int(path[numbered][:6]) if numbered else 0
    return _Place(int(path[2][:6]), path[numbered - 1] if numbered else "", item, path[-1])


class _Draft(NamedTuple):
    """A message whose parts arrive one attribute at a time."""

    plain: dict[str, str]
    calls: dict[int, dict[str, str]]
    contents: dict[int, dict[str, str]]


def _drafted(draft: _Draft) -> OutputMessage:
    """The message as far as it was recorded."""
    plain = draft.plain
    whole = plain.get("content", "")
    words = [whole] if whole else []
    others = 0
    for content in draft.contents.values():
        kind = content.get("type", "text" if "text" in content else "")
        if kind in _TEXT_TYPES:
            words += [content["text"]] if content.get("text") and not whole else []
        elif kind not in _HIDDEN_TYPES:
            others += 1
    calls = [
        ToolCall(call.get("id", ""), call.get("name", ""), call.get("arguments"))
        for call in (draft.calls[number] for number in sorted(draft.calls))
    ]
    if "function_call_name" in plain:
        calls.append(ToolCall("", plain["function_call_name"], plain.get("function_call_arguments_json")))
    return OutputMessage(plain.get("role", ""), "\n".join(words), tuple(calls), plain.get("finish_reason", ""), others)


def answered_ids(text: str) -> list[str]:
    """The tool call ids that messages in a JSON text answer, found without parsing the whole history.

    Only the small objects around an answer's mark are parsed; inside quoted text the marks are escaped and
    so never match. The work is bounded by the length of the text, broken or hostile as it may be.
    """
    found = [match[1] for match in _ANSWER_ID.finditer(text)] if "tool_call_id" in text or "tool_use_id" in text else []
    if "tool_call_response" not in text and "function_call_output" not in text and "tool_result" not in text:
        return found
    read_until, budget = 0, _WORK * len(text)
    for match in _ANSWER_MARK.finditer(text):
        mark = start = match.start()
        while mark >= read_until and budget > 0 and (start := text.rfind("{", 0, start)) >= 0:
            answer, end = _object_at(text, start)
            budget -= end - start + _ATTEMPT_CHARS
            if answer is not None and end > mark:
                read_until = end
                found.append(text_of(answer.get("id") or answer.get("call_id")))
    return [call_id for call_id in found if call_id]


def _object_at(text: str, start: int) -> tuple[Mapping[str, PlainValue] | None, int]:
    """The object that starts at a brace, None when none does, and how far the text was read."""
    try:
        found, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        return None, error.pos
    except (ValueError, RecursionError):
        return None, start
    return found, end
