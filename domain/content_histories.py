"""The history that a model was given, held so that it can be compared with the one of the call before.

An agent repeats its whole history on every turn, so most of a history is the one before it: flattened attributes
are compared as they stand, and of JSON text that begins as the text before did only the rest is parsed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from domain import content_fields as fields
from domain.content_bodies import instruction_text
from domain.content_flat import flat_messages
from domain.content_json import read_json
from domain.content_messages import SYSTEM, USER, Message, role_of, value_text, with_role
from domain.content_parts import message_in
from domain.content_sources import Walk, first_telling, histories
from domain.content_walk import FlatPlace
from domain.otlp import KeyValue, PlainValue, Span, plain

_FLAT_HISTORY, _FLAT_PROMPT = "llm.input_messages.", "gen_ai.prompt."
_ROLE_WORDS = ("message.role", "role")
_MAX_DIGITS = 6
_OPENING_KEYS = 8
_RAW_MAX_CHARS = 1 << 20
"""Longer requests in a shape of the emitter's own are not read: their history counts as not recorded."""


class History(ABC):
    """Messages in order, comparable with another history's; `instructions` stand before them where told apart."""

    __slots__ = ("instructions",)

    def __init__(self, instructions: str = "") -> None:
        self.instructions = instructions

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def kept(self, before: "History") -> int:
        """How many messages, from the first, are those of the history before; 0 for one of another shape."""

    @abstractmethod
    def role(self, at: int) -> str:
        """The role of a message; "" when there is none at that place."""

    @abstractmethod
    def messages(self) -> Iterator[Message]:
        """The messages, read one by one."""

    @abstractmethod
    def opening(self) -> Iterator[Message]:
        """The first few messages; the others are not read."""


def _number(key: str, prefix: str) -> int:
    """The number of the message in a flattened key; -1 without one."""
    number, dot, _ = key[len(prefix) :].partition(".")
    return int(number[:_MAX_DIGITS]) if dot and number.isdecimal() else -1


class FlatHistory(History):
    """Messages flattened into attributes, which are opened only where they differ from those before."""

    __slots__ = ("_attributes", "_count", "_place", "_prefix")

    def __init__(self, span: Span, place: FlatPlace, prefix: str, instructions: str = "") -> None:
        super().__init__()
        self._attributes = span.attributes[place.first : place.end]
        self._place, self._prefix = place, prefix
        last = _number(self._attributes[-1].key, prefix)
        self._count = place.roles if last + 1 == place.roles else len(self._by_message())
        if instructions and self.role(0) != SYSTEM:
            self.instructions = instructions

    def __len__(self) -> int:
        return self._count + bool(self.instructions)

    def kept(self, before: History) -> int:
        """See `History.kept`; attributes in the same order are compared all at once."""
        if not isinstance(before, FlatHistory) or self.instructions != before.instructions:
            return 0
        if self._begins_as(before):
            return len(before)
        if (found := self._differs_at(before)) is not None:
            return found + bool(self.instructions)
        mine, theirs = self._by_message(), before._by_message()
        pairs = enumerate(zip(sorted(mine), sorted(theirs), strict=False), start=bool(self.instructions))
        differing = (at for at, (one, other) in pairs if mine[one] != theirs[other])
        return next(differing, min(len(self), len(before)))

    def _begins_as(self, before: "FlatHistory") -> bool:
        """Whether the attributes begin with all those of the history before, and go on with another message."""
        mine, theirs = self._attributes, before._attributes
        end = len(theirs)
        if end > len(mine) or len(mine) != self._place.keys or end != before._place.keys or mine[:end] != theirs:
            return False
        return end == len(mine) or _number(mine[end].key, self._prefix) > _number(mine[end - 1].key, self._prefix)

    def _differs_at(self, before: "FlatHistory") -> int | None:
        """The message of the first value that differs; None unless the messages stand in order, counted from 0."""
        pairs = enumerate(zip(self._attributes, before._attributes, strict=False))
        at = next((at for at, (one, other) in pairs if one != other), None)
        if at is None or self._attributes[at].key != before._attributes[at].key:
            return None
        numbers = [_number(item.key, self._prefix) for item in self._attributes[: at + 1]]
        ordered = numbers[0] == 0 and all(0 <= later - number <= 1 for number, later in pairwise(numbers))
        return numbers[-1] if ordered else None

    def _items(self, attributes: Iterable[KeyValue]) -> Iterator[tuple[str, str]]:
        for item in attributes:
            key = item.key
            if key.startswith(self._prefix):
                yield key, item.value.string_value or value_text(item.value)

    def _by_message(self) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = {}
        for key, value in self._items(self._attributes):
            number, _, word = key[len(self._prefix) :].partition(".")
            if word and number.isdecimal():
                found.setdefault(int(number[:_MAX_DIGITS]), {})[word] = value
        return found

    def role(self, at: int) -> str:
        """See `History.role`."""
        messages = self._by_message()
        at -= bool(self.instructions)
        if not 0 <= at < len(messages):
            return SYSTEM if at < 0 and self.instructions else ""
        said = messages[sorted(messages)[at]]
        return role_of(next((said[word] for word in _ROLE_WORDS if word in said), "")) or USER

    def messages(self) -> Iterator[Message]:
        """See `History.messages`."""
        if self.instructions:
            yield Message(SYSTEM, self.instructions)
        yield from self._read(self._attributes)

    def opening(self) -> Iterator[Message]:
        """See `History.opening`."""
        return self._read(self._attributes[:_OPENING_KEYS])

    def _read(self, attributes: Iterable[KeyValue]) -> Iterator[Message]:
        return (with_role(message, USER) for message in flat_messages(self._items(attributes)))


class ListedHistory(History):
    """Messages as a list of values: parsed JSON, or messages that are read already; `text` is the JSON they stand in.

    `text` is "" where it is not the whole, well-formed text of a list.
    """

    __slots__ = ("items", "text")

    def __init__(self, items: Sequence[PlainValue | Message], text: str = "", instructions: str = "") -> None:
        super().__init__("" if instructions and any(_is_system(item) for item in items[:1]) else instructions)
        self.items, self.text = items, text

    def __len__(self) -> int:
        return len(self.items) + bool(self.instructions)

    def kept(self, before: History) -> int:
        """See `History.kept`."""
        if not isinstance(before, ListedHistory) or self.instructions != before.instructions:
            return 0
        shared = min(len(self.items), len(before.items))
        same = next((at for at in range(shared) if not _equal(self.items[at], before.items[at])), shared)
        return same + bool(self.instructions)

    def role(self, at: int) -> str:
        """See `History.role`."""
        at -= bool(self.instructions)
        if at < 0:
            return SYSTEM
        return _message(self.items[at]).role if at < len(self.items) else ""

    def messages(self) -> Iterator[Message]:
        """See `History.messages`."""
        if self.instructions:
            yield Message(SYSTEM, self.instructions)
        yield from map(_message, self.items)

    def opening(self) -> Iterator[Message]:
        """See `History.opening`."""
        return map(_message, self.items[:_OPENING_KEYS])


def _message(item: PlainValue | Message) -> Message:
    return with_role(item if isinstance(item, Message) else message_in(item), USER)


def _is_system(item: PlainValue | Message) -> bool:
    return _message(item).role == SYSTEM


def _equal(one: PlainValue | Message, other: PlainValue | Message) -> bool:
    try:
        return one is other or one == other
    except RecursionError:
        return False


def history_of_span(walk: Walk, place: FlatPlace, before: History | None) -> History | None:
    """The history of a span, by the precedence of `content_sources.histories`; None when it was not recorded."""
    told = walk.said((fields.GENAI_INSTRUCTIONS,))
    instructions = _instructions(told[1]) if told is not None else ""
    prefix = _prefix(walk, place)
    if prefix == _FLAT_HISTORY:
        return FlatHistory(walk.span, place, prefix, instructions)
    if (said := walk.said((fields.GENAI_INPUT,))) is not None:
        value = walk.values[fields.GENAI_INPUT].value
        if value.string_value:
            found = _listed(said[1], instructions, before)
        else:
            items = plain(value)
            found = ListedHistory(items, "", instructions) if isinstance(items, list) else None
        if found is not None:
            return found
    elif prefix and not walk.events and fields.ALL_MESSAGES not in walk.values:
        return FlatHistory(walk.span, place, prefix, instructions)
    if sum(len(item.value.string_value) for item in walk.values.values()) > _RAW_MAX_CHARS:
        return None
    messages = first_telling(histories(walk))
    return None if messages is None else ListedHistory(messages)


@lru_cache(maxsize=64)
def _instructions(text: str) -> str:
    """Instructions as text; they are the same on every call of an agent."""
    found = read_json(text) if text[:1] in ("[", "{", '"') else None
    return text if found is None else instruction_text(found.value)


def _prefix(walk: Walk, place: FlatPlace) -> str:
    """How the keys of the flattened history begin; "" without one. A span in two dialects has both, as they come."""
    if not place.keys:
        return ""
    keys = (walk.span.attributes[at].key for at in (place.first, place.end - 1))
    return _FLAT_HISTORY if any(key.startswith(_FLAT_HISTORY) for key in keys) else _FLAT_PROMPT


def _listed(text: str, instructions: str, before: History | None) -> ListedHistory | None:
    """The history in the JSON text of a list; None when it is another shape. Only what is new is parsed."""
    if text[:1] != "[":
        return None
    if isinstance(before, ListedHistory) and before.text:
        start = before.text[:-1].rstrip()
        rest = text[len(start) :] if text.startswith(start) else ""
        if rest[:1] == ",":
            more = read_json("[" + rest[1:])
            if more is not None and isinstance(more.value, list):
                whole = "" if more.is_cut else text
                return ListedHistory([*before.items, *more.value], whole, instructions)
        elif rest.strip() == "]":
            return ListedHistory(before.items, text, instructions)
    found = read_json(text)
    if found is None or not isinstance(found.value, list):
        return None
    if found.value and all(isinstance(item, list) for item in found.value):
        return None
    return ListedHistory(found.value, "" if found.is_cut or not text.endswith("]") else text, instructions)
