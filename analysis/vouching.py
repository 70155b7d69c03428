"""What a sentence may say without a claim: no number, no id that was not shown, no quote that stands nowhere.

A number is a word that begins with a numeric character of any script, or a number written out where it counts
(`eleven` and above, `three of`, `one in four`, `half of`). A word that begins with a letter is a name, whatever digits
follow. Left out of all this are references, and names, quotes, ids and places in code that exist.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from analysis.facts import FactWindow, SpanFact
from analysis.references import REFERENCE
from domain.source_ids import otlp_id
from domain.spans import SPAN_ID_BYTES, TRACE_ID_BYTES

NUMBER = "it holds a number that is no reference to a claim"
STRANGE_ID = "it names an id that no tool has shown"
STRANGE_QUOTE = "it quotes what stands in no confirmed quote"
REFUSED = "it repeats what was refused"
BROKEN = "it refers to a claim that was not confirmed"
PLACE = re.compile(r"([\w./@+-]{1,300}?):L?(\d{1,7})(?:[-–:]L?(\d{1,7}))?")
"""A place in code: `path:line` or `path:line-line`."""
_LEAST_PREFIX = 8
_MOST_NAMES = 20_000
_NAME_MAX_CHARS = 160
_QUOTED_WORDS = 4
_STANDARDS = frozenset(("UTF-8", "UTF-16", "ISO-8601", "HTTP/1.1", "HTTP/2", "HTTP/3", "SHA-256"))
_CODE = re.compile(r"(`+)([^`]+)\1")
_FENCE = re.compile(r"\s{0,3}(?:`{3,}|~{3,})[^\n]*")
_QUOTATION = re.compile(r"“([^“”\n]+)”|\"([^\"\n]+)\"|«([^«»\n]+)»|„([^„“”\n]+)[“”]")
_TOKEN = re.compile(r"[^\s`\"'“”„«»,;()\[\]{}<>|*]+")
_WORD = re.compile(r"\w+")
_HEX = re.compile(
    r"(?<![^\W_])(?:(?=[0-9a-f-]{0,40}\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*|[0-9a-f]{16,})(?![^\W_])", re.IGNORECASE
)
_NAMED = re.compile(r"\b(?:trace|span)(?:[ _-]?ids?)?[ :=`\"'#]+(?=[\w:./-]*\d)([\w:./-]+)", re.IGNORECASE)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_LARGE = f"eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|{_TENS}|hundreds?|thousands?|[mb]illions?|dozens?"
_SMALL = "one|two|three|four|five|six|seven|eight|nine|ten"
_WRITTEN = re.compile(
    rf"\b(?:{_LARGE})\b|\b(?:{_SMALL}|half)\s+out\s+of\b|\b(?:two|three|four|five|six|seven|eight"
    rf"|nine|ten)\s+of\b|\bone\s+in\s+(?:every\s+)?(?:{_SMALL})\b|\b(?:half|thirds?|quarters?|fifths?)\s+of\b"
    rf"|\b(?:{_SMALL})\s+per\s?cent\b",
    re.IGNORECASE,
)
_NAMES = ("name", "tool", "model", "provider", "service", "version", "agent", "error_type")


class Ids:
    """Ids of traces and spans that may be named: as OTLP has them, as their file does, or by their beginning."""

    def __init__(self, traces: Iterable[str], spans: Iterable[str]) -> None:
        self._known = ((frozenset(traces), TRACE_ID_BYTES), (frozenset(spans), SPAN_ID_BYTES))
        self._sorted = [sorted(known) for known, _ in self._known]

    def has(self, said: str) -> bool:
        """Whether a text is such an id, or the first eight or more characters of one."""
        text = said.strip()
        for known, length in self._known:
            if text in known or as_otlp(text, length) in known:
                return True
        return len(text) >= _LEAST_PREFIX and any(_begins(each, text.lower()) for each in self._sorted)


def as_otlp(said: str, length: int) -> str:
    """The OTLP id, in hexadecimal, of an id as somebody writes it."""
    text = said.strip()
    return otlp_id(text.lower() if len(text) == 2 * length else text, length).hex()


def _begins(ids: Sequence[str], text: str) -> bool:
    at = bisect_left(ids, text)
    return at < len(ids) and ids[at].startswith(text)


@dataclass(frozen=True)
class Vouched:
    """What exists, so that a sentence may name it.

    `names` are those of tools, models, services, versions and spans that hold a digit; `quotes` are confirmed;
    `refused` is what was claimed and does not exist. `is_id` knows the ids that may be named, `is_place` a path with
    its line in the agent's code.
    """

    names: Collection[str]
    quotes: Sequence[str]
    is_id: Callable[[str], bool]
    is_place: Callable[[str], bool]
    refused: Sequence[str] = ()

    def objection(self, statement: str, *, proposal: bool = False) -> str:
        """What is wrong with a statement, or an empty text.

        A proposal may word something new: quotation marks need not quote, and code may hold numbers.
        """
        text = REFERENCE.sub(" ", statement)
        if any(each in text for each in self.refused):
            return REFUSED
        lines = text.split("\n")
        if _FENCE.fullmatch(lines[0]):
            block = "\n".join(line for line in lines if not _FENCE.fullmatch(line))
            opening = self._plain(lines[0], numbers=True)
            return opening or ("" if self._quotes(block) else self._plain(block, numbers=not proposal))
        for match in _CODE.finditer(text):
            if not self._exists(match[2].strip()) and (why := self._plain(match[2], numbers=not proposal)):
                return why
        text = _CODE.sub(" ", text)
        for match in _QUOTATION.finditer(text):
            said = next(filter(None, match.groups()), "")
            if self._exists(said):
                text = text.replace(match[0], " ")
            elif not proposal and len(said.split()) >= _QUOTED_WORDS:
                return STRANGE_QUOTE
        return self._plain(text, numbers=True)

    def _plain(self, text: str, *, numbers: bool) -> str:
        """What is wrong with text in which nothing is marked as a name or quote."""
        if any(
            not self.is_id(found[1].rstrip(".:/-")) for found in _NAMED.finditer(text) if found[1] not in self.names
        ):
            return STRANGE_ID
        left = _TOKEN.sub(lambda match: " " if self._known(match[0].rstrip(".:!?…")) else match[0], text)
        if _HEX.search(left):
            return STRANGE_ID
        return NUMBER if numbers and _counts(left) else ""

    def _known(self, token: str) -> bool:
        if not any(map(_is_numeric, token)):
            return False
        if token in _STANDARDS or (token in self.names and not token.isdigit()):
            return True
        return len(token) > 3 and self.is_id(token)

    def _exists(self, marked: str) -> bool:
        """Whether what is marked as a name or quote exists; a number alone proves nothing."""
        if not any(character.isalpha() for character in marked):
            return len(marked) > 3 and self.is_id(marked)
        return marked in self.names or self._quotes(marked) or self.is_id(marked) or self.is_place(marked)

    def _quotes(self, marked: str) -> bool:
        line = " ".join(marked.split()).rstrip("…").rstrip()
        return bool(line) and any(_stands_in(line, " ".join(quote.split())) for quote in self.quotes)


def names_in(window: FactWindow) -> frozenset[str]:
    """The names in a window that hold a digit, at most so many; ask for it through `FactWindow.once`."""
    found: set[str] = set()
    for span in window.spans():
        found.update(_names_of(span))
        if len(found) > _MOST_NAMES:
            break
    return frozenset(found)


def _names_of(span: SpanFact) -> list[str]:
    return [
        name
        for field in _NAMES
        if (name := getattr(span, field)) and len(name) <= _NAME_MAX_CHARS and any(map(_is_numeric, name))
    ]


def _counts(text: str) -> bool:
    words = (word.lstrip("_") for word in _WORD.findall(text))
    return bool(_WRITTEN.search(text)) or any(_is_numeric(word[0]) for word in words if word)


def _is_numeric(character: str) -> bool:
    return unicodedata.category(character) in ("Nd", "Nl", "No")


def _stands_in(part: str, whole: str) -> bool:
    """Whether a text is a part of another that neither begins nor ends within a word of it."""
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)" if part[0].isalnum() else re.escape(part), whole) is not None
