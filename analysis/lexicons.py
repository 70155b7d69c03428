"""Lexicons: what models say when they refuse, give up, announce or make things up, as phrases in data files.

Every `*.toml` in the folder beside this module is one language, named by its code. A table in it is a lexicon:
`where` it looks ("start", "end" or "anywhere" in an answer), in how many `chars`, and its `phrases`: words in lower
case without punctuation, apostrophes kept; `(a|b)` stands for either, `(a|)` for either or nothing. `unless` lists
longer phrases that begin alike and mean something else. All languages are
asked, since an agent's language is not recorded.

Whole words are compared. A phrase is looked up by its most telling word, so that the cost of an answer grows with its
length and hardly with the number of phrases, and no text can make it grow faster.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

REFUSAL = "refusal"
_FOLDER = Path(__file__).with_suffix("")
_GROUP = re.compile(r"\(([^()]*)\)")
_MAX_PHRASES = 5_000  # that one line may stand for
_CODE_CHARS = 20_000
_CODE_ENDS, _CODE_STARTS = frozenset('`}]"'), frozenset('{}[]"`')
_CODE = re.compile(r"```[^`]{0,20000}(?:```|\Z)")
_TELLING_CHARS = 3
_COMMON = frozenset(b"that this have will could should would then which were first such with find can not".split())
_MARKS = b'\t\n\r.,;:!?()[]{}<>"*_`#|/\\=+~^&%$@-'
_ASCII_SPACES = bytes.maketrans(_MARKS, b" " * len(_MARKS))
_OTHER_MARKS = tuple(zip("’‘–—…“”«»¡¿。，、！？：；（）", "''" + " " * 18, strict=True))

Words = tuple[bytes, ...]


class _Place(NamedTuple):
    """A phrase, its lexicon, and how many of its words stand before the one it is looked up by."""

    before: int
    phrase: Words
    lexicon: str
    unless: tuple[Words, ...]  # longer phrases that begin with this one and mean something else


class _Region(NamedTuple):
    """Phrases that look at the same part of an answer, by their most telling word."""

    where: str
    chars: int
    places: Mapping[bytes, Sequence[_Place]]


def phrases_in(text: str) -> tuple[str, ...]:
    """The names of the lexicons that an answer matches, sorted."""
    regions, keys, chars = _regions()
    words = _words(text[:chars])
    told = keys.intersection(words if len(text) <= chars else words + _words(text[-chars:]))
    found: set[str] = set()
    if told:
        known = {text: words}
        for region in regions:
            if not told.isdisjoint(region.places):
                part = _part(text, region)
                if part not in known:
                    known[part] = _words(part)
                found.update(_matches(known[part], told, region.places))
    return tuple(sorted(found))


def _words(text: str) -> list[bytes]:
    """The words of a text in lower case, as bytes, which are cut fastest."""
    if text.isascii():
        return text.encode().lower().translate(_ASCII_SPACES).split()
    for mark, plain in _OTHER_MARKS:
        if mark in text:
            text = text.replace(mark, plain)
    return text.lower().encode("utf-8", "replace").translate(_ASCII_SPACES).split()


def _part(text: str, region: _Region) -> str:
    if region.where != "end":
        return text if len(text) <= region.chars else text[: region.chars]
    tail = text[-4 * region.chars :].rstrip()
    if tail[-1:] in _CODE_ENDS:
        tail = _said(text[-_CODE_CHARS:])
    return tail[-region.chars :]


def _said(text: str) -> str:
    """A text without its blocks of code and its lines of JSON."""
    lines = (_CODE.sub("\n", text) if "```" in text else text).splitlines()
    return "\n".join(line for line in lines if line.strip()[:1] not in _CODE_STARTS and line.strip() != "json").rstrip()


def _matches(words: Sequence[bytes], told: Set[bytes], places: Mapping[bytes, Sequence[_Place]]) -> Iterator[str]:
    """The lexicons that stand in these words, of which `told` are some that phrases are looked up by."""
    known = frozenset(words)
    found: set[str] = set()
    for word in told & places.keys() & known:
        likely = [place for place in places[word] if place.lexicon not in found and known.issuperset(place.phrase)]
        spots = [at for at, one in enumerate(words) if one == word] if likely else ()
        for place in likely:
            starts = (spot - place.before for spot in spots)
            if place.lexicon not in found and any(_says(words, start, place) for start in starts):
                found.add(place.lexicon)
                yield place.lexicon


def _says(words: Sequence[bytes], start: int, place: _Place) -> bool:
    """Whether a phrase begins at a word, and none of those that mean something else."""
    if start < 0 or not _stands(words, start, place.phrase):
        return False
    return not any(_stands(words, start, longer) for longer in place.unless)


def _stands(words: Sequence[bytes], start: int, phrase: Words) -> bool:
    return tuple(words[start : start + len(phrase)]) == phrase


@cache
def _regions() -> tuple[tuple[_Region, ...], frozenset[bytes], int]:
    """Every region, all words that phrases are looked up by, and how much of an answer the largest one reads."""
    regions: dict[tuple[str, int], dict[bytes, list[_Place]]] = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        for name, lexicon in tomllib.loads(path.read_text(encoding="utf-8")).items():
            places = regions.setdefault((lexicon["where"], lexicon["chars"]), {})
            longer = _all(lexicon.get("unless", ()))
            for phrase in _all(lexicon["phrases"]):
                word = max(phrase, key=_telling)
                unless = tuple(one for one in longer if one[: len(phrase)] == phrase)
                places.setdefault(word, []).append(_Place(phrase.index(word), phrase, name, unless))
    keys = frozenset(word for places in regions.values() for word in places)
    found = tuple(_Region(where, chars, places) for (where, chars), places in regions.items())
    return found, keys, max(chars for _, chars in regions)


def _all(lines: Iterable[str]) -> list[Words]:
    return list(dict.fromkeys(phrase for line in lines for phrase in expanded(line)))


def _telling(word: bytes) -> tuple[bool, int]:
    """How much a word says of which phrase it belongs to."""
    return len(word) >= _TELLING_CHARS and word not in _COMMON, len(word)


def expanded(line: str) -> Iterator[Words]:
    """The phrases that one line of a lexicon stands for.

    ValueError for a line that stands for none or for too many.
    """
    parts = _GROUP.split(line)
    choices = [part.split("|") if at % 2 else [part] for at, part in enumerate(parts)]
    count = 1
    for options in choices:
        count *= len(options)
    if count > _MAX_PHRASES:
        raise ValueError(f"a phrase stands for {count} phrases; split it: {line[:80]}")
    for chosen in product(*choices):
        words = tuple(" ".join(chosen).encode().split())
        if not words:
            raise ValueError(f"a phrase is empty: {line[:80]}")
        yield words
