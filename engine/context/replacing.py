"""One message in place of many: what was taken out of a conversation, in batches, each with the ids of its messages."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.context.entries import Entry, Unit, item_id
from engine.context.shortening import ends, lines_of, names_of, text_of
from engine.context.summarising import Summariser
from engine.fencing import Fence
from engine.models.messages import AgentMessage

_MESSAGE_CHARS = 6_000  # of one message, for the model that sums up
_MOST_BATCH_CHARS = 40_000
_LEAST_BATCH_CHARS = 2_000
_LEAST_SUMMARY_CHARS = 400
_MOST_SUMMARY_CHARS = 4_000


@dataclass(frozen=True)
class Batch:
    """Units that are summed up together; `text` is what a model is shown of them."""

    units: tuple[Unit, ...]
    text: str


async def replacement(
    dropped: Sequence[Unit], entries: Sequence[Entry], summariser: Summariser, fence: Fence, most_chars: int
) -> Entry:
    """The summary that takes the place of units, of about `most_chars` at most."""
    most = max(most_chars // _LEAST_SUMMARY_CHARS, 1)
    batches = batched(dropped, entries, fence, min(max(most_chars, _LEAST_BATCH_CHARS), _MOST_BATCH_CHARS), most)
    chars = min(max(most_chars // len(batches), _LEAST_SUMMARY_CHARS), _MOST_SUMMARY_CHARS)
    summaries = await summariser.summaries([batch.text for batch in batches], chars // 2)
    told = [_told(batch, entries, summary, chars, fence) for batch, summary in zip(batches, summaries, strict=True)]
    first, last = entries[dropped[0].start].first, max(entries[unit.stop - 1].last for unit in dropped)
    lead = (
        "Earlier turns of this conversation were taken out to keep it short. What they held is summed up below; "
        f"get_context_item gives back any message from {item_id(first)} to {item_id(last)} as it was."
    )
    body = fence.around("\n\n".join(told))
    message = AgentMessage(role="user", content=f"{lead}\n{body}")
    return Entry(first=first, last=last, kind="summary", message=message)


def batched(units: Sequence[Unit], entries: Sequence[Entry], fence: Fence, batch_chars: int, most: int) -> list[Batch]:
    """Units in order, in at most `most` batches of about `batch_chars`; a unit is never cut in two."""
    texts = [_rendered(unit, entries, fence) for unit in units]
    room = max(batch_chars, -(-sum(map(len, texts)) // most))
    batches: list[Batch] = []
    held: list[Unit] = []
    shown: list[str] = []
    for unit, text in zip(units, texts, strict=True):
        if held and sum(map(len, shown)) + len(text) > room and len(batches) < most - 1:
            batches.append(Batch(tuple(held), "\n\n".join(shown)))
            held, shown = [], []
        held.append(unit)
        shown.append(text)
    return [*batches, Batch(tuple(held), "\n\n".join(shown))]


def _rendered(unit: Unit, entries: Sequence[Entry], fence: Fence) -> str:
    return "\n".join(_shown(entry, fence) for entry in entries[unit.start : unit.stop])


def _shown(entry: Entry, fence: Fence) -> str:
    text = text_of(entry.message)
    lines = [f"[{item_id(entry.first)}] {entry.message.role} {entry.message.name or ''}".rstrip()]
    if text:
        lines.append(ends(fence.bare(text), _MESSAGE_CHARS))
    for call in entry.message.tool_calls or ():
        lines.append(f"calls {call.function.name} {ends(call.function.arguments, _MESSAGE_CHARS // 3)}")
    return "\n".join(lines)


def _told(batch: Batch, entries: Sequence[Entry], summary: str, chars: int, fence: Fence) -> str:
    """A batch in about `chars`: where it was, what a model made of it, and its units as far as there is room."""
    first, last = entries[batch.units[0].start].first, entries[batch.units[-1].stop - 1].last
    parts = [f"{item_id(first)} to {item_id(last)}: {names_of(batch.units, entries)}"]
    if summary:
        parts.append(summary)
    room = chars - sum(map(len, parts))
    lines = [line for unit in batch.units for line in lines_of(unit, entries, fence)]
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            parts.append(f"… and {len(lines) - number} more")
            break
        parts.append(line)
    return "\n".join(parts)
