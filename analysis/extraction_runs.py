"""What spans tell of the run they belong to: session, task, verdicts, cost, limits, and where its answer comes from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.arguments import text_hash
from analysis.facts import Verdict
from analysis.grounding import grounding, telling_words
from analysis.plans import ENDINGS
from analysis.primitives import NONE, Structure
from analysis.reading import Reading
from domain.content_histories import History
from domain.content_json import read_json
from domain.content_messages import ASSISTANT, USER
from domain.spans import SpanKind

_ASKED_CHARS = 4_000
_WRAPPED_CHARS = 64 * 1024
_MAX_MESSAGES = 200
_LABEL_CHARS = 200
_FIRST_SPANS = 5  # a root may be a bare wrapper around the agent that was asked


def told_by_any(reading: Reading) -> dict[str, Any]:
    """The fields of `SpanFact` that a span of any kind may fill."""
    index, measures = reading.index, reading.measures
    found: dict[str, Any] = {"session": index.session or ""}
    if verdicts := reading.content.evaluations():
        found["verdicts"] = tuple(
            Verdict(one.name, one.score, (one.label or "")[:_LABEL_CHARS], one.of) for one in verdicts
        )
    if measures.cost_usd is not None:
        found["cost_usd"] = measures.cost_usd
    if measures.max_steps is not None:
        found["max_steps"] = measures.max_steps
    return found


def task_of(readings: Sequence[Reading]) -> str:
    """The task or intent that the first spans of a trace name, else a short hash of what was asked of the first."""
    first = readings[:_FIRST_SPANS]
    named = next((reading.measures.task for reading in first if reading.measures.task), "")
    return named or next(filter(None, map(_asked, first)), "")


def _asked(reading: Reading) -> str:
    """A short hash of what a span was asked: its whole input, or the first words of a user in its history."""
    if reading.tool is not None:
        return ""
    text = None if reading.llm is not None else reading.content.input_value()
    if text is None:
        history = reading.content.history()
        told = (message.text for message in history.opening() if message.role == USER) if history is not None else ()
        text = next(iter(told), "")
    return text_hash(_question(text)[:_ASKED_CHARS]) if text else ""


def _question(text: str) -> str:
    """The only text in an input that is a JSON object, as frameworks wrap what was asked; else the input."""
    if text[:1] != "{" or len(text) > _WRAPPED_CHARS or (found := read_json(text)) is None:
        return text
    told = [value for value in found.value.values() if isinstance(value, str)] if isinstance(found.value, dict) else []
    return told[0] if len(told) == 1 else text


def last_answers(found: Structure) -> Mapping[int, int]:
    """The position of the last leaf LLM span of every scope."""
    return {found.scopes[at]: at for at, is_leaf in enumerate(found.leaf_llms) if is_leaf}


def grounded(readings: Sequence[Reading], found: Structure, at: int, history: History | None) -> dict[str, Any]:
    """How much of the last answer of a scope stands in what the scope was given or what its tools returned."""
    words = telling_words(_answer(readings[at]))
    if not words:
        return {}
    checked = grounding(words, _sources(readings, found, at, history))
    return {"checked_words": checked.checked, "unfounded_words": checked.unfounded}


def _answer(reading: Reading) -> str:
    """What the answer says, in words or as the arguments of a tool that hands it in."""
    parts = []
    for message in reading.output or ():
        parts.append(message.text)
        parts += [call.arguments or "" for call in message.calls if call.name in ENDINGS]
    return "\n".join(filter(None, parts))


def _sources(readings: Sequence[Reading], found: Structure, at: int, history: History | None) -> Iterator[str]:
    """What the scope knew: the latest messages that are not its own, its tools' and agents' results, its input."""
    scope = found.scopes[at]
    if history is not None:
        told = list(history.messages())[-_MAX_MESSAGES:]
        for message in reversed(told):
            if message.role != ASSISTANT:
                yield message.text
                yield from (result.text for result in message.results)
    for place in range(len(readings) - 1, -1, -1):
        reading = readings[place]
        if reading.index.kind is SpanKind.AGENT:
            parent = found.parents[place]
            if place == scope:
                yield reading.content.input_value() or ""
            elif parent != NONE and found.scopes[parent] == scope:
                yield reading.content.output_value() or ""
        elif found.scopes[place] == scope and reading.tool is not None:
            yield reading.content.result() or ""
            yield reading.stored.span.status.message
