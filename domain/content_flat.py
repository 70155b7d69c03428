"""Messages flattened into one attribute a field, as OpenInference and older OpenLLMetry write them.

Keys look like `llm.output_messages.0.message.tool_calls.1.tool_call.function.name` (OpenInference) or
`gen_ai.completion.0.tool_calls.1.name` (OpenLLMetry before 0.50); the words between the numbers say nothing.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from domain.content_json import read_json
from domain.content_messages import REDACTED, TOOL, Draft, Message, ToolCall, role_of
from domain.content_parts import REASONING_TYPES, REFUSAL, TEXT_TYPES, read_parts

_PARTS = ('[{"type"', '[{"text"')  # a list of parts, dumped where a text belongs
_SIMPLE = frozenset(("content", "finish_reason", "role"))
_MAX_DIGITS = 6


def flat_messages(items: Iterable[tuple[str, str]]) -> tuple[Message, ...]:
    """Messages from pairs of a flattened key, with two words of prefix, and its value, in any order."""
    drafts: dict[int, _Fields] = {}
    for key, value in items:
        place = _place(key)
        if place is not None:
            fields = drafts.get(place.message)
            if fields is None:
                fields = drafts[place.message] = _Fields({}, {}, {})
            if place.list == "":
                words = fields.plain
            elif place.list == "tool_calls":
                words = fields.calls.setdefault(place.item, {})
            else:
                words = fields.contents.setdefault(place.item, {})
            known = words.get(place.word)
            words[place.word] = value if known is None else max(known, value)  # two spellings of one key: any order
    return tuple(_message(drafts[number]) for number in sorted(drafts))


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
    message = int(path[2][:_MAX_DIGITS])
    if path[3] == "function_call":
        return _Place(message, "tool_calls", 0, path[-1])
    numbered = next((at for at in range(4, len(path)) if path[at].isdecimal()), 0)
    item = int(path[numbered][:_MAX_DIGITS]) if numbered else 0
    return _Place(message, path[numbered - 1] if numbered else "", item, path[-1])


class _Fields(NamedTuple):
    """The attributes of one message."""

    plain: dict[str, str]
    calls: dict[int, dict[str, str]]
    contents: dict[int, dict[str, str]]


def _message(fields: _Fields) -> Message:
    plain = fields.plain
    role, whole = role_of(plain.get("role", "")), plain.get("content", "")
    calls = [_call(fields.calls[number]) for number in sorted(fields.calls)] if fields.calls else []
    if not fields.contents and role != TOOL and not whole.startswith(_PARTS) and plain.keys() <= _SIMPLE:
        return Message(role, whole, tuple(calls), plain.get("finish_reason", ""))
    draft = Draft(role)
    draft.finish_reason = plain.get("finish_reason", "")
    draft.call_id = plain.get("tool_call_id", "")
    parts = read_json(whole) if whole.startswith(_PARTS) else None
    if parts is not None:
        read_parts(parts.value, draft)
    else:
        draft.words.append(whole)
    draft.reasoning += [plain[key] for key in ("reasoning", "reasoning_content") if key in plain]
    for number in sorted(fields.contents):
        _read_content(fields.contents[number], draft, has_whole=bool(whole))
    draft.calls += calls
    if "function_call_name" in plain:
        draft.calls.append(ToolCall("", plain["function_call_name"], plain.get("function_call_arguments_json")))
    return draft.message()


def _read_content(content: dict[str, str], draft: Draft, *, has_whole: bool) -> None:
    """One item of a message's contents; the same text may be written once more as the whole content."""
    kind = content.get("type", "text" if "text" in content else "")
    if kind in TEXT_TYPES:
        draft.refuses = draft.refuses or kind == REFUSAL
        if not has_whole:
            draft.words.append(content.get("text", ""))
    elif kind in REASONING_TYPES:
        draft.reasoning.append(content.get("text", ""))
    else:
        draft.other_parts += 1


def _call(call: dict[str, str]) -> ToolCall:
    arguments = call.get("arguments")
    return ToolCall(call.get("id", ""), call.get("name", ""), None if arguments == REDACTED else arguments)
