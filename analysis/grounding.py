"""Where the numbers and names of an answer come from: which of them stand in no input and no tool result.

Only what an answer must have from somewhere is checked: numbers of two digits and more, and words written with a
capital inside a sentence. Everything is bounded: the answer, the words checked, and the text they are looked for in.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_ANSWER_CHARS = 4_000
_MAX_WORDS = 60
_SOURCE_CHARS = 200_000
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]{0,20}(?:\.\d{1,9})?(?![\w])")
_NAME = re.compile(r"(?<=[a-z0-9,;] )[A-Z][A-Za-z]{2,40}\b(?!')")
_MIN_DIGITS = 2
_MAX_TRIES = 100


class Grounding(NamedTuple):
    """How many words of an answer were checked, and how many of them stand nowhere else."""

    checked: int
    unfounded: int


def telling_words(answer: str) -> tuple[str, ...]:
    """The numbers and names of an answer, each once, at most a few dozen."""
    text = answer[:_ANSWER_CHARS]
    numbers = (match[0].rstrip(",") for match in _NUMBER.finditer(text))
    long = [number for number in numbers if sum(map(str.isdigit, number)) >= _MIN_DIGITS]
    return tuple(dict.fromkeys((*long, *_NAME.findall(text))))[:_MAX_WORDS]


def grounding(words: Iterable[str], sources: Iterable[str]) -> Grounding:
    """How many of these words stand in none of the sources; the latest sources, which count most, come first."""
    text = "\n".join(_bounded(sources)).lower()
    plain = text.replace(",", "")
    asked = [word.lower() for word in words]
    missing = sum(not (_stands(word, text) or _stands(word.replace(",", ""), plain)) for word in asked)
    return Grounding(len(asked), missing)


def _bounded(sources: Iterable[str]) -> Iterator[str]:
    left = _SOURCE_CHARS
    for source in sources:
        if left <= 0:
            break
        yield source[:left]
        left -= len(source) + 1


def _stands(word: str, text: str) -> bool:
    """Whether a word stands in a text and not as part of a longer number; hostile repetition counts as standing."""
    at = -1
    for _ in range(_MAX_TRIES):
        at = text.find(word, at + 1)
        if at < 0:
            return False
        before, after = text[at - 1 : at], text[at + len(word) : at + len(word) + 1]
        if not (word[0].isdigit() and (before.isdigit() or after.isdigit())):
            return True
    return True
