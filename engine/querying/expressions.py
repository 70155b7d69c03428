"""Regular expressions from a model: checked before they are compiled, stopped when they take too long.

The `regex` package can be given a time limit and lets other threads work meanwhile; the standard library's `re` can
do neither. What it compiles for a counted repetition grows with the count, so that is estimated first.
"""

import json
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

import regex

from engine.querying.literals import required_text, unrolled_size
from engine.tooling import ToolError

MOST_UNROLLED = 50_000
_LOOK_EVERY = 1_000
Clock = Callable[[], float]


class Limit:
    """Seconds that a whole search may take."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds left, zero when it is over."""
        return max(self._end - self._clock(), 0.0)

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0.0


class Sought(Protocol):
    """What is looked for in the lines of spans; `required` must stand in the bytes of a span that has it."""

    @property
    def required(self) -> str:
        """Text without which there is no match, or nothing when that is not certain."""

    def places(self, text: str, limit: Limit) -> Iterator[tuple[int, int]]:
        """Where it is; TooSlowError."""


class TooSlowError(ToolError):
    """An expression was not done in its time."""


class Expression:
    """A compiled pattern; ToolError when it is wrong or too large."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        if unrolled_size(pattern) > MOST_UNROLLED:
            raise ToolError("the pattern repeats too much; use + or * instead of large {n}, and nest them less")
        try:
            self._compiled = regex.compile(pattern)
        except (regex.error, RecursionError, OverflowError, ValueError) as error:
            raise ToolError(f"invalid regex pattern {pattern[:200]!r}: {error}; correct it") from error

    @cached_property
    def required(self) -> str:
        """Text that must stand in every match, or nothing when that is not certain."""
        return required_text(self.pattern)

    def is_in(self, text: str, limit: Limit) -> bool:
        """Whether it matches anywhere; TooSlowError."""
        try:
            return self._compiled.search(text, timeout=max(limit.left, 1e-3), concurrent=True) is not None
        except TimeoutError as error:
            raise self._too_slow(limit) from error

    def places(self, text: str, limit: Limit) -> Iterator[tuple[int, int]]:
        """Where it matches, one place after the other; TooSlowError."""
        try:
            found = self._compiled.finditer(text, timeout=max(limit.left, 1e-3), concurrent=True)
            for number, match in enumerate(found):
                if number % _LOOK_EVERY == 0 and limit.is_over:
                    raise self._too_slow(limit)
                yield match.span()
        except TimeoutError as error:
            raise self._too_slow(limit) from error

    def _too_slow(self, limit: Limit) -> TooSlowError:
        return TooSlowError(
            f"regex_pattern {self.pattern[:80]!r} was not done in {limit.seconds:g} s; avoid nested repetition such as "
            "(a+)+ and make it more specific, or search for plain text"
        )


class PlainText:
    """A text as it is, found where the line writes it."""

    def __init__(self, text: str) -> None:
        self.required = text
        self._written = json.dumps(text, ensure_ascii=False)[1:-1]

    def places(self, text: str, limit: Limit) -> Iterator[tuple[int, int]]:
        """Where it stands, one place after the other."""
        at = text.find(self._written)
        while at >= 0:
            yield at, at + len(self._written)
            at = text.find(self._written, at + len(self._written))
