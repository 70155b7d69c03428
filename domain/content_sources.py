"""Where the answer and the history of a span may stand, source by source.

Each source is opened only when those before it said nothing; None means that it was not recorded. Flattened
attributes come first (they are what an instrumentation understood), then the structured conventions, then the
emitter's raw request or response.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from domain import content_fields as fields
from domain.content_bodies import (
    before_answer,
    history_in,
    history_of,
    instruction_text,
    last_answer,
    messages_in,
    messages_of,
    with_instructions,
)
from domain.content_events import event_messages, listed_messages
from domain.content_flat import flat_messages
from domain.content_json import read_json
from domain.content_messages import ASSISTANT, USER, Draft, Message, says_something, value_text, with_role
from domain.content_parts import call_in, read_parts
from domain.otlp import AnyValue, KeyValue, PlainValue, Span, plain

_HISTORY_KEY, _PROMPT_KEY = "llm.input_messages.", "gen_ai.prompt."
Messages = tuple[Message, ...]


class Walk(NamedTuple):
    """What a walk over a span's keys found; `said` gives the first of some keys that says something, as text."""

    span: Span
    values: Mapping[str, KeyValue]
    flat_output: list[KeyValue]
    flat_completion: list[KeyValue]
    events: list[Span.Event]
    said: Callable[[Iterable[str]], tuple[str, str] | None]
    has_flat_history: bool


def first_telling(sources: Iterable[Messages | None]) -> Messages | None:
    """Of several sources the first that says something, else the first that was recorded as empty."""
    empty: Messages | None = None
    for messages in sources:
        if messages is None:
            continue
        if any(map(says_something, messages)):
            return messages
        empty = messages if empty is None else empty
    return empty


def answers(walk: Walk) -> Iterator[Messages | None]:
    """The answer as each source has it, by precedence."""
    values = walk.values
    if walk.flat_output:
        yield flat_answer(walk.flat_output)
    if walk.said((fields.GENAI_OUTPUT,)) is not None:
        yield _answer(values[fields.GENAI_OUTPUT].value)
    if walk.events:
        yield event_messages(walk.events, choices=True) or None
    if walk.flat_completion:
        yield flat_answer(walk.flat_completion) or None
    if any(key in values for key in fields.VERCEL_ANSWER):
        yield (_vercel_answer(walk),)
    yield from _answers_in_values(walk)


def _answers_in_values(walk: Walk) -> Iterator[Messages | None]:
    """The answer in the values that hold more than the answer."""
    values = walk.values
    for key in fields.EVENT_LISTS:
        if key in values:
            yield listed_messages(_value(values[key].value), choices=True)
    for key in fields.OUTPUTS:
        if key in values and walk.said((key,)) is not None:
            yield tuple(message for message in _answer(values[key].value) if says_something(message))
    if fields.ALL_MESSAGES in values:
        yield last_answer(_history_in_value(values[fields.ALL_MESSAGES].value)) or None


def histories(walk: Walk) -> Iterator[Messages | None]:
    """The history as each source has it, by precedence, with the instructions that stand beside it."""
    told = walk.said((fields.GENAI_INSTRUCTIONS,))
    instructions = "" if told is None else instruction_text(_value(walk.values[told[0]].value))
    for messages in _histories(walk):
        if messages is not None:
            yield with_instructions(messages, instructions)
    if told is not None:
        yield with_instructions((), instructions)


def _histories(walk: Walk) -> Iterator[Messages | None]:
    values = walk.values
    if walk.has_flat_history:
        yield _history(walk.span, _HISTORY_KEY)
    if walk.said((fields.GENAI_INPUT,)) is not None:
        yield _history_in_value(values[fields.GENAI_INPUT].value)
    if walk.said((fields.ALL_MESSAGES,)) is not None:
        yield before_answer(_history_in_value(values[fields.ALL_MESSAGES].value))
    if walk.events:
        yield event_messages(walk.events, choices=False) or None
    if walk.has_flat_history:
        yield _history(walk.span, _PROMPT_KEY)
    for key in fields.EVENT_LISTS:
        if key in values:
            yield listed_messages(_value(values[key].value), choices=False)
    for key in fields.INPUTS:
        if key in values and walk.said((key,)) is not None:
            yield _history_in_value(values[key].value)


def flat_answer(items: Iterable[KeyValue]) -> Messages:
    """The messages in flattened attributes."""
    return flat_messages([(item.key, item.value.string_value or value_text(item.value)) for item in items])


def _history(span: Span, prefix: str) -> Messages | None:
    """The flattened history, which the walk over the keys left out; None when there is none."""
    items = [item for item in span.attributes if item.key.startswith(prefix)]
    messages = flat_answer(items) if items else ()
    return tuple(with_role(message, USER) for message in messages) or None


def _vercel_answer(walk: Walk) -> Message:
    """The answer of the Vercel AI SDK up to 6: text or object, calls and reasoning in attributes of their own."""
    draft = Draft(ASSISTANT)
    for keys in (fields.VERCEL_TEXT, fields.VERCEL_OBJECT):
        if not any(draft.words) and (found := walk.said(keys)) is not None:
            draft.words.append(found[1])
    if (found := walk.said(fields.VERCEL_CALLS)) is not None:
        listed = _value(walk.values[found[0]].value)
        draft.calls += [call_in(call) for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    if (found := walk.said(fields.VERCEL_REASONING)) is not None:
        parts = Draft()
        read_parts(_value(walk.values[found[0]].value), parts)
        told = parts.message()
        draft.reasoning += [told.text, told.reasoning]
    return draft.message()


def _answer(value: AnyValue) -> Messages:
    return messages_of(value.string_value) if value.string_value else messages_in(plain(value))


def _history_in_value(value: AnyValue) -> Messages:
    return history_of(value.string_value) if value.string_value else history_in(plain(value))


def _value(value: AnyValue) -> PlainValue:
    """A value, parsed where it is JSON text."""
    text = value.string_value
    found = read_json(text) if text[:1] in ("[", "{") and text else None
    return plain(value) if found is None else found.value
