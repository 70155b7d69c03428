"""Keeps a conversation within its model's context: rarely and deeply, so that what a provider has cached stays valid.

What leads a conversation, what is asked in it and its latest turns are left alone; the turns between give way to a
summary, and can be asked for one by one. A summary is only ever added behind the ones before, until these are too many.
"""

import re
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, Field

from engine.context.entries import Entry, Unit, droppable, numbered, opening, units_of
from engine.context.replacing import replacement
from engine.context.sharing import level
from engine.context.shortening import clipped
from engine.context.sizes import TokenMeter, chars_of
from engine.context.summarising import Summariser
from engine.engine_config import EngineConfig
from engine.fencing import Fence
from engine.llm.model import Model
from engine.models.messages import AgentMessage

_LEAST_CLIPPED_CHARS: Final = 600
_ITEM_ID = re.compile(r"\s*(?:item-)?(\d{1,9})\s*")


class CompactionState(BaseModel):
    """What a compactor knows of its conversation: all that it takes to go on with it in another process.

    `items` are, by place, messages as they were that the conversation has in a shorter form or not at all;
    `most_tokens` is the size at which it is shortened.
    """

    entries: list[Entry] = Field(default_factory=list)
    items: dict[int, AgentMessage] = Field(default_factory=dict)
    meter: TokenMeter = Field(default_factory=TokenMeter)
    sent_chars: int = 0
    most_tokens: int


class Compactor:
    """Shortens the conversation of one agent; `model` is asked on behalf of `caller`, the agent's id."""

    def __init__(self, config: EngineConfig, model: Model, caller: str, fence: Fence) -> None:
        self._texts = config.text_message_compaction_keep_last_messages
        self._turns = config.tool_call_compaction_keep_last_turns
        self._fence = fence
        self._summariser = Summariser(model, config.compaction_model, caller, fence)
        self._state = CompactionState(most_tokens=int(config.context_window_tokens * config.compaction_share))

    async def fitted(
        self, messages: Sequence[AgentMessage], reported_tokens: int, *, overflowed: bool = False
    ) -> Sequence[AgentMessage]:
        """The conversation as it may be sent now: `messages` themselves while they fit, else a shorter list.

        It only ever grew at its end since the last call; `reported_tokens` is what the endpoint counted for the request
        made with the last list, 0 when unknown. With `overflowed` the endpoint has refused it as too long: from now on
        half as much has to do, and this time no more than it took before.
        """
        state = self._state
        if reported_tokens > 0 and not overflowed:
            state.meter.learn(state.sent_chars, reported_tokens)
        self._follow(messages)
        chars = chars_of(messages)
        if overflowed:
            state.most_tokens = min(state.most_tokens, max(state.meter.tokens(chars) // 2, 1))
        if overflowed or state.meter.tokens(chars) > state.most_tokens:
            taken = state.meter.known_tokens if overflowed else 0
            shorter = self._clip(await self._summed_up(), min(state.most_tokens, taken or state.most_tokens))
            if shorter != state.entries:
                self._commit(shorter)
                messages = [entry.message for entry in shorter]
        state.sent_chars = chars_of(messages)
        return messages

    def item(self, item_id: str) -> AgentMessage | None:
        """A message of the conversation as it was, without its fence, by the id that a summary gives; None: no such."""
        found = _ITEM_ID.fullmatch(item_id)
        if found is None:
            return None
        place = int(found[1])
        here = (entry.message for entry in self._state.entries if entry.kind != "summary" and entry.first == place)
        message = self._state.items.get(place) or next(here, None)
        if message is None or not isinstance(message.content, str):
            return message
        return message.model_copy(update={"content": self._fence.bare(message.content)})

    def state(self, messages: Sequence[AgentMessage]) -> CompactionState:
        """All that is known, the conversation up to now included."""
        self._follow(messages)
        return self._state.model_copy(deep=True)

    def restore(self, state: CompactionState) -> list[AgentMessage]:
        """Go on from a state; gives its conversation. A limit that an endpoint has taught stays."""
        most_tokens = min(state.most_tokens, self._state.most_tokens)
        self._state = state.model_copy(deep=True, update={"most_tokens": most_tokens})
        return [entry.message for entry in self._state.entries]

    def _follow(self, messages: Sequence[AgentMessage]) -> None:
        """Number what is new; a conversation that is another one is taken up from its start."""
        entries = self._state.entries
        known = len(entries)
        if known and [entry.message for entry in entries] == list(messages[:known]):
            entries += numbered(messages[known:], entries[-1].last + 1)
        else:
            self._state.entries, self._state.items = opening(messages), {}

    async def _summed_up(self) -> list[Entry]:
        entries, target = self._state.entries, self._state.most_tokens // 2
        dropped = self._dropped(units_of(entries), target)
        if not dropped:
            return entries
        room = max(self._state.meter.chars(target) // 4, 0)
        summary = await replacement(dropped, entries, self._summariser, self._fence, room)
        gone = {at for unit in dropped for at in range(unit.start, unit.stop)}
        place = dropped[0].start
        before = [entry for at, entry in enumerate(entries[:place]) if at not in gone]
        return [*before, summary, *(entry for at, entry in enumerate(entries) if at > place and at not in gone)]

    def _dropped(self, units: Sequence[Unit], target: int) -> list[Unit]:
        """What has to go: as the settings say, and more while that is not enough. Never the latest of its kind."""
        entries, meter = self._state.entries, self._state.meter
        texts, turns = max(self._texts, 1), max(self._turns, 1)
        enough = self._state.most_tokens * 3 // 4
        summaries = [unit for unit in units if unit.kind == "summary"]
        room = max(meter.chars(target) // 4, 0)
        fold = chars_of(entries[unit.start].message for unit in summaries) > room
        while True:
            gone = droppable(units, texts, turns)
            left = chars_of(entry.message for entry in entries) - sum(_unit_chars(unit, entries) for unit in gone)
            if texts == turns == 1 or (gone and meter.tokens(left + room) <= enough):
                return [*summaries, *gone] if fold and gone else gone
            texts, turns = max(texts // 2, 1), max(turns // 2, 1)

    def _clip(self, entries: list[Entry], most: int) -> list[Entry]:
        """Cut the longest messages to heads until the conversation has at most so many tokens."""
        meter = self._state.meter
        if meter.tokens(chars_of(entry.message for entry in entries)) <= most:
            return entries
        loose = [entry for entry in entries if entry.kind == "item"]
        fixed = chars_of(entry.message for entry in entries if entry.kind != "item")
        most_each = level([chars_of([entry.message]) for entry in loose], meter.chars(most) - fixed)
        chars = max(most_each, _LEAST_CLIPPED_CHARS)
        return [clipped(entry, chars, self._fence) if entry.kind == "item" else entry for entry in entries]

    def _commit(self, entries: list[Entry]) -> None:
        kept = {entry.first: entry.message for entry in entries if entry.kind != "summary"}
        for entry in self._state.entries:
            if entry.kind != "summary" and kept.get(entry.first) != entry.message:
                self._state.items.setdefault(entry.first, entry.message)
        self._state.entries = entries


def _unit_chars(unit: Unit, entries: Sequence[Entry]) -> int:
    return chars_of(entry.message for entry in entries[unit.start : unit.stop])
