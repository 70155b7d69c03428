"""Histories from call to call: how much of what a model was given it had been given before.

A call is held against the latest one of its scope that had ended when it began; of calls that ran side by side none
came before the other, and then nothing is said.
"""

from typing import Any, NamedTuple

from analysis.reading import Reading
from domain.content_histories import History


class _Before(NamedTuple):
    history: History
    end_ns: int


class Histories:
    """The last history of every scope of a trace; calls are told in the order of their start."""

    def __init__(self) -> None:
        self._last: dict[int, _Before] = {}

    def facts(self, scope: int, reading: Reading) -> dict[str, Any]:
        """The fields of `SpanFact` that the history of a leaf LLM span fills: none where it was not recorded."""
        last = self._last.get(scope)
        history = reading.content.history(None if last is None else last.history)
        if history is None:
            return {}
        self._last[scope] = _Before(history, reading.index.end_ns)
        found: dict[str, Any] = {"messages": len(history)}
        if last is not None and 0 < last.end_ns <= reading.index.start_ns:
            kept = found["kept_messages"] = history.kept(last.history)
            if kept < min(len(history), len(last.history)):
                found["changed_role"] = history.role(kept)
        return found

    def last(self, scope: int) -> History | None:
        """The history of the call told last in a scope."""
        found = self._last.get(scope)
        return None if found is None else found.history
