"""Shorter forms of messages, made without a model: what was said in a line, and heads of what is long."""

import json
from collections import Counter
from collections.abc import Sequence

from engine.context.entries import Entry, Unit, item_id
from engine.context.sharing import level
from engine.context.sizes import chars_of
from engine.fencing import Fence
from engine.models.messages import AgentMessage, AgentToolCall

_LINE_CHARS = 160
_ARGUMENT_CHARS = 80
_LEAST_CHARS = 200


def text_of(message: AgentMessage) -> str:
    """The words of a message; parts that are no text are named by their type."""
    content = message.content
    if content is None or isinstance(content, str):
        return content or ""
    return " ".join(str(part.get("text", f"[{part.get('type', 'part')}]")) for part in content)


def lines_of(unit: Unit, entries: Sequence[Entry], fence: Fence) -> list[str]:
    """What happened in a unit, a line for each text and each call, with the ids of what can be asked for."""
    return [_line(entry, call, entries[unit.start : unit.stop], fence) for entry, call in _parts(unit, entries)]


def _parts(unit: Unit, entries: Sequence[Entry]) -> list[tuple[Entry, AgentToolCall | None]]:
    if unit.kind != "tools":
        return [(entries[unit.start], None)]
    said = entries[unit.start]
    calls: list[tuple[Entry, AgentToolCall | None]] = [(said, call) for call in said.message.tool_calls or ()]
    return ([(said, None)] if text_of(said.message) else []) + calls


def _line(entry: Entry, call: AgentToolCall | None, unit: Sequence[Entry], fence: Fence) -> str:
    own = item_id(entry.first)
    if call is None:
        return f"{own} {entry.message.role}: {head(fence.bare(text_of(entry.message)), _LINE_CHARS)}"
    made = f"{own} {call.function.name} {head(call.function.arguments, _ARGUMENT_CHARS)}"
    for answer in unit:
        if answer.message.role == "tool" and answer.message.tool_call_id == call.id:
            text = fence.bare(text_of(answer.message))
            return f"{made} → {item_id(answer.first)} {head(text, _LINE_CHARS)}"
    return made


def names_of(units: Sequence[Unit], entries: Sequence[Entry]) -> str:
    """What units hold, counted: `view_trace ×3, text ×1`."""
    counts: Counter[str] = Counter()
    for unit in units:
        calls = entries[unit.start].message.tool_calls or ()
        counts.update([call.function.name for call in calls] or ["text"])
    return ", ".join(f"{name} ×{count}" for name, count in counts.most_common(8))


def head(text: str, chars: int) -> str:
    """The beginning of a text on one line; what is missing is counted."""
    line = " ".join(text[: 4 * chars].split())
    if len(text) <= 4 * chars and len(line) <= chars:
        return line
    return f"{line[:chars]}… ({len(text):,} characters)"


def ends(text: str, chars: int) -> str:
    """The beginning and the end of a long text."""
    if len(text) <= chars:
        return text
    return f"{text[: chars * 2 // 3]}\n[… {len(text) - chars:,} characters left out …]\n{text[-(chars // 3) :]}"


def clipped(entry: Entry, chars: int, fence: Fence) -> Entry:
    """A message of at most so many characters, as long as that leaves some to each part; it says what is missing."""
    message = entry.message
    text = text_of(message)
    sizes = [len(text), *(len(call.function.arguments) for call in message.tool_calls or ())]
    chars = level(sizes, chars - (chars_of([message]) - sum(sizes)))
    calls = [_clipped_call(call, chars) for call in message.tool_calls or ()] or None
    changes = {"tool_calls": calls, "content": message.content}
    if len(text) > chars:
        changes["content"] = _clipped_text(entry, text, max(chars - _LEAST_CHARS, _LEAST_CHARS), fence)
    return entry.model_copy(update={"message": message.model_copy(update=changes)})


def _clipped_text(entry: Entry, text: str, chars: int, fence: Fence) -> str:
    note = f"(the first {chars:,} of {len(text):,} characters; get_context_item gives more of {item_id(entry.first)})"
    inside = fence.inside(text)
    shown = text[:chars] if inside is None else fence.around(inside[:chars])
    return f"{shown}\n{note}"


def _clipped_call(call: AgentToolCall, chars: int) -> AgentToolCall:
    arguments = call.function.arguments
    if len(arguments) <= max(chars, _LEAST_CHARS):
        return call
    shorter = json.dumps({"shortened": arguments[: max(chars // 2, _LEAST_CHARS // 2)]}, ensure_ascii=False)
    return call.model_copy(update={"function": call.function.model_copy(update={"arguments": shorter})})
