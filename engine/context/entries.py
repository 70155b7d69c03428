"""A conversation as compaction sees it: numbered messages, and which of them may only stay or go together."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.models.messages import AgentMessage

Kind = Literal["pinned", "item", "summary"]


class Entry(BaseModel):
    """One message. `first` to `last` are the places in the whole conversation of what it stands for: its own, or those
    of the messages that a summary has replaced."""

    model_config = ConfigDict(frozen=True)

    first: int
    last: int
    kind: Kind
    message: AgentMessage


class Unit(BaseModel):
    """Entries `start` to `stop` (exclusive): a tool turn with all its results, or one other message."""

    model_config = ConfigDict(frozen=True)

    start: int
    stop: int
    kind: Literal["pinned", "summary", "text", "tools"]


def item_id(place: int) -> str:
    """The id under which a message can be asked for after it was taken out."""
    return f"item-{place}"


def units_of(entries: Sequence[Entry]) -> list[Unit]:
    """A conversation in units, in order; a result belongs to the latest message that called tools."""
    units: list[Unit] = []
    for at, entry in enumerate(entries):
        if entry.message.role == "tool" and units and units[-1].kind == "tools":
            units[-1] = units[-1].model_copy(update={"stop": at + 1})
        elif entry.kind != "item":
            units.append(Unit(start=at, stop=at + 1, kind=entry.kind))
        else:
            units.append(Unit(start=at, stop=at + 1, kind="tools" if entry.message.tool_calls else "text"))
    return units


def droppable(units: Sequence[Unit], texts: int, turns: int) -> list[Unit]:
    """The units before the latest so many texts and tool turns."""
    left = {"text": texts, "tools": turns}
    dropped = []
    for unit in reversed(units):
        if unit.kind == "pinned" or unit.kind == "summary":
            continue
        if left[unit.kind] > 0:
            left[unit.kind] -= 1
        else:
            dropped.append(unit)
    return dropped[::-1]


def numbered(messages: Sequence[AgentMessage], start: int) -> list[Entry]:
    """Messages that follow in a conversation."""
    return [
        Entry(first=place, last=place, kind="item", message=message) for place, message in enumerate(messages, start)
    ]


def opening(messages: Sequence[AgentMessage]) -> list[Entry]:
    """The messages that a conversation starts with; what leads it and what is asked in it stay for good.

    The first question counts as well as the latest: a conversation that goes on from a checkpoint may end with the
    engine's own words.
    """
    asked = [at for at, message in enumerate(messages) if message.role == "user"]
    stay = {0} if messages and messages[0].role == "system" else set()
    stay |= {asked[0], asked[-1]} if asked else set()
    return [
        entry.model_copy(update={"kind": "pinned"}) if at in stay else entry
        for at, entry in enumerate(numbered(messages, 1))
    ]
