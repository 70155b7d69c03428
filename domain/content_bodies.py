"""Whole requests and responses read into messages: lists, provider bodies, and what frameworks wrap around them.

An answer and a history differ where a text stands alone (a model said it, a user said it) and where a
framework records its whole state (the answer is its last message). Broken JSON never raises: it counts as text
that somebody wrote.
"""

from collections.abc import Mapping, Sequence

from domain.content_json import read_json
from domain.content_messages import ASSISTANT, REDACTED, SYSTEM, USER, Draft, Message, text_of, with_role
from domain.content_parts import message_in, read_parts
from domain.otlp import PlainValue

_HISTORY_KEYS = ("messages", "contents", "input", "inputs", "prompt", "prompts", "input_messages")
_INSTRUCTION_KEYS = ("system", "system_instruction", "systemInstruction", "instructions")
_CONFIG_KEYS = ("config", "generation_config", "generationConfig", "kwargs")
_ANSWER_LISTS = ("choices", "candidates", "generations")
_OUTPUT_KEYS = ("output", "outputs", "response")
_MESSAGE_MARKS = ("role", "parts", "content", "tool_calls", "lc")
_MAX_DEPTH = 4


def messages_of(text: str) -> tuple[Message, ...]:
    """The messages of an answer in a text, JSON or not."""
    found = read_json(text) if text[:1] in ("[", "{", '"') else None
    if found is None:
        return (Message(text=text),)
    messages = messages_in(found.value)
    return _without_cut_part(messages) if found.is_cut else messages


def messages_in(found: PlainValue, depth: int = 0) -> tuple[Message, ...]:
    """The messages of an answer: a list of messages, a single message, or a provider's whole response."""
    if isinstance(found, str):
        return (Message(text=found),) if found else ()
    if isinstance(found, list):
        if _is_nested(found, depth):
            return tuple(message for item in found for message in messages_in(item, depth + 1))
        return tuple(message_in(item) for item in found)
    if not isinstance(found, dict):
        return () if found is None else (Message(text=text_of(found)),)
    if isinstance(text := found.get("combined_chunk_content"), str):
        return (Message(text=text),) if text else ()
    if found.get("object") == "response" and isinstance(found.get("output"), list):
        return (message_in({"role": ASSISTANT, "parts": found["output"], "finish_reason": found.get("status")}),)
    inner = _answer_inside(found) if depth < _MAX_DEPTH else None
    return (message_in(dict(found)),) if inner is None else messages_in(inner, depth + 1)


def _answer_inside(found: Mapping[str, PlainValue]) -> PlainValue:
    """The list of answers in a response, the last message of a state, or all that a wrapper holds; else None."""
    for key in _ANSWER_LISTS:
        if isinstance(listed := found.get(key), list):
            return listed
    listed = found.get("messages")
    if isinstance(listed, list) and listed and not found.get("role"):
        return listed[-1:]
    return _only(found, _OUTPUT_KEYS)


def _is_nested(found: list[PlainValue], depth: int) -> bool:
    return bool(found) and depth < _MAX_DEPTH and all(isinstance(item, list) for item in found)


def _only(found: Mapping[str, PlainValue], keys: Sequence[str]) -> PlainValue:
    """The value that a wrapper holds and nothing else; text "" stays a value."""
    if any(mark in found for mark in _MESSAGE_MARKS) or len(found.keys() - {"kwargs", "run", "tags", "metadata"}) != 1:
        return None
    return next((found[key] for key in keys if key in found), None)


def history_of(text: str) -> tuple[Message, ...]:
    """The history in a text, JSON or not; a plain text is what a user said."""
    found = read_json(text) if text[:1] in ("[", "{", '"') else None
    if found is None:
        return (Message(USER, text),) if text else ()
    messages = history_in(found.value)
    return _without_cut_part(messages) if found.is_cut else messages


def history_in(found: PlainValue, depth: int = 0) -> tuple[Message, ...]:
    """The history in a list of messages, a request's body with its instructions, or a plain text."""
    if isinstance(found, list):
        if _is_nested(found, depth):
            return tuple(message for item in found for message in history_in(item, depth + 1))
        return tuple(with_role(message_in(item), USER) for item in found)
    if not isinstance(found, dict):
        text = text_of(found)
        return (Message(USER, text),) if text else ()
    if any(mark in found for mark in _MESSAGE_MARKS):
        return (with_role(message_in(found), USER),)
    told = instructions_in(found)
    said: tuple[Message, ...] | None = None
    for key in _HISTORY_KEYS:
        if found.get(key) is not None and depth < _MAX_DEPTH:
            said = history_in(found[key], depth + 1)
            break
    if said is None:
        said = () if told or not found else (Message(USER, text_of(found)),)
    return with_instructions(said, told)


def with_instructions(messages: tuple[Message, ...], told: str) -> tuple[Message, ...]:
    """The history with its instructions in front, unless it opens with them already."""
    if not told or any(message.role == SYSTEM for message in messages):
        return messages
    return (Message(SYSTEM, told), *messages)


def instructions_in(body: Mapping[str, PlainValue]) -> str:
    """The system prompt that a request's body states beside its messages."""
    for place in (body, *(inner for key in _CONFIG_KEYS if isinstance(inner := body.get(key), dict))):
        for key in _INSTRUCTION_KEYS:
            if place.get(key):
                return instruction_text(place[key])
    return ""


def instruction_text(value: PlainValue) -> str:
    """Instructions as text: a text, a list of parts, or a message."""
    if isinstance(value, dict):
        return message_in(value).text
    draft = Draft()
    read_parts(value, draft)
    return draft.message().text


def before_answer(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Of a whole run's messages those that stand before its last answer."""
    end = len(messages)
    while end and messages[end - 1].role == ASSISTANT and not messages[end - 1].calls:
        end -= 1
    return messages[:end]


def last_answer(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Of a whole run's messages its last answer; a run that ends otherwise has none."""
    return messages[len(before_answer(messages)) :]


def _without_cut_part(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages of a text that was cut off: its very last part may miss its words, or half of its arguments."""
    if not messages:
        return ()
    last = messages[-1]
    if last.text == REDACTED or last.text.endswith("\n" + REDACTED):
        last = last._replace(text=last.text.removesuffix(REDACTED).removesuffix("\n"))
    if last.calls:
        last = last._replace(calls=(*last.calls[:-1], last.calls[-1]._replace(arguments=None)))
    return (*messages[:-1], last)
