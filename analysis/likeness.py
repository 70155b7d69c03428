"""Which calls of a scope are nearly alike: for arguments and results the earliest that they nearly repeat.

A text is held against the last few distinct ones of the same tool in the same scope, so a call costs a bounded
number of comparisons, and a trace a bounded number of them in all. Arguments whose numbers differ are not alike:
page 2 is not page 1, and order 7 not order 8. Of results the wording counts, since clocks and counters stand in them.
"""

import re
from collections.abc import Hashable
from functools import lru_cache

from rapidfuzz.fuzz import ratio

MAX_CHARS = 2_000
_MIN_CHARS = 20
_MIN_RATIO = 90.0
_LENGTHS = _MIN_RATIO / (200 - _MIN_RATIO)  # texts whose lengths differ more cannot reach that ratio
_MAX_KNOWN = 16
_MAX_WORK = 400_000_000  # characters times characters compared in one trace: a second or so
_LONG_CHARS, _END_CHARS, _MIN_END = 200, 48, 60.0  # long texts alike are alike at their beginning or at their end
_NUMBER = re.compile(r"\d+")


class Likeness:
    """The distinct texts of a trace by what they belong to: scope, tool, and arguments or result."""

    def __init__(self) -> None:
        self._known: dict[Hashable, dict[str, str]] = {}  # text by its hash, earliest first
        self._work = _MAX_WORK

    def like(self, place: Hashable, text: str, text_hash: str, *, by_number: bool) -> str:
        """The hash of the earliest text at this place that is nearly this one; its own when it is the first.

        `by_number`: texts are alike only when their numbers are the same. `text` is cut after `MAX_CHARS`.
        """
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = {}
        elif text_hash in known:
            return text_hash
        text = text[:MAX_CHARS]
        chars = len(text)
        if chars > _MIN_CHARS:
            shortest, longest = chars * _LENGTHS, chars / _LENGTHS
            for other_hash, other in known.items():
                if shortest <= len(other) <= longest and self._are_alike(other, text, by_number):
                    return other_hash
        if len(known) == _MAX_KNOWN:
            del known[next(iter(known))]
        known[text_hash] = text
        return text_hash

    def _are_alike(self, one: str, other: str, by_number: bool) -> bool:
        if self._work < 0 or len(one) <= _MIN_CHARS or (by_number and _numbers(one) != _numbers(other)):
            return False
        if len(other) > _LONG_CHARS:
            begins = ratio(one[:_END_CHARS], other[:_END_CHARS], score_cutoff=_MIN_END)
            if not begins and not ratio(one[-_END_CHARS:], other[-_END_CHARS:], score_cutoff=_MIN_END):
                return False
        self._work -= len(one) * len(other)
        return ratio(one, other, score_cutoff=_MIN_RATIO) > 0


@lru_cache(maxsize=256)
def _numbers(text: str) -> tuple[str, ...]:
    return tuple(_NUMBER.findall(text))
