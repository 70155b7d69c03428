"""What a sentence may say without a claim: no number, no id that was not shown, no quote that stands nowhere.

A number is a word that holds a numeric character of any script anywhere, or one written out in English. Judged is what
a sentence reads as. Left out of all this are references, and names, quotes, ids and places in code that exist.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from analysis.facts import FactWindow, SpanFact
from analysis.references import REFERENCE
from analysis.statements import CODE, FENCE, readings
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
_MOST_MARKS = 8
_WHOLE_IDS = (2 * SPAN_ID_BYTES, 2 * TRACE_ID_BYTES)
_STANDARDS = frozenset(
    {"utf-8", "utf8", "utf-16", "base64", "iso-8601", "http/1.1", "http/2", "http/3", "sha-256", "sha256", "md5"}
    | {"oauth2", "ipv4", "ipv6", "p50", "p90", "p95", "p99"}
)
_TOKEN = re.compile(r"[^\s`\"',;()\[\]{}<>|*—]+")
_HEX = re.compile(r"(?<![^\W_])[0-9a-f]{8,}(?:-[0-9a-f]{4,})*(?![^\W_])", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:trace|span)(?:[ _-]?ids?)?[ :=`\"'#*]+(?=[\w:./-]*\d)([\w:./-]+)", re.IGNORECASE)
_JOINED = re.compile(rf"[^\W_]{REFERENCE.pattern}|{REFERENCE.pattern}(?:[^\W_]|\{{|\s?%)")
_SMALL = "two|three|four|five|six|seven|eight|nine|ten"
_TENS = "(?:twent|thirt|fou?rt|fift|sixt|sevent|eight|nine?t)y"
_LARGE = (
    rf"eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|{_TENS}(?:one|{_SMALL})?(?:ish)?"
    r"|(?:hundred|thousand|(?:[mbz]|tr|quadr|quint)illion|lakh|crore)(?:s|ths?)?|dozens?|myriads?"
)
_PARTS = "third|fourth|fifth|sixth|seventh|eighth|ninth|tenth"
_WRITTEN = re.compile(
    rf"(?<![^\W_])(?:{_LARGE}|{_SMALL}|zero(?![ -](?:shot|width|based|day))|half|halves|halv(?:ed|ing)|quarters?|tens"
    rf"|(?:{_PARTS})s|(?:{_PARTS}|hundredth) of|an? (?:{_PARTS})(?! party)|one[ -](?:{_PARTS})"
    r"|(?:every|each) (?:second|other|third|fourth|fifth)|twice|thrice|quadrupl(?:e[sd]?|ing)|tripl(?:e[sd]?|ing)"
    r"|doubl(?:ed|es|ing)|double(?![ -](?:check|quot|click|spac|slash|encod|escap))"
    rf"|(?:{_SMALL}|{_LARGE}|one|many)[ -]?(?:fold|score)|scores of|a score of|gross of"
    r"|one (?:out of|in (?:every|each|any)|per ?cent|pct|percentage)|(?:only|just|exactly|precisely|but) one"
    r"|one of (?!(?:the|its|these|those|their|our|my|your|them|which|several|many|whose|us)(?![^\W_])))(?![^\W_])",
    re.IGNORECASE,
)
_ROMAN = re.compile(
    r"(?<![\w'-])(?!(?:XL|LI|LV|XXX|XXL)(?!\w))(?=[IVXL]{2,3}(?!\w)|[IVXLCDM]{4,}(?!\w))"
    r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?![\w'])"
)
_COUNTED = r"(?:(?:call|trace|span|run|request|failure|error|session|token)s|times|fail(?:s|ed|ing)?|per ?cent|pct|%)"
_COUNTING = re.compile(
    rf"(?<!\w)(?:{_COUNTED}|out of|there (?:is|are|was|were)|affected|observed|saw|seen|happen\w*|occur\w*)(?!\w)",
    re.IGNORECASE,
)
_COUNTS_NEXT = re.compile(rf"`*\s*(?:of(?!\w)|{_COUNTED}(?!\w))", re.IGNORECASE)
_OPERATOR = re.compile(r"[=(){}\[\];:<>/\\\"'+$@]")
_COMMENT = re.compile(
    r"(?:(?<=\s)|^)(?:#|//|--(?=\s)).*$|/\*.*?(?:\*/|\Z)|<!--.*?(?:-->|\Z)|\"{3}.*?(?:\"{3}|\Z)",
    re.MULTILINE | re.DOTALL,
)
_BLOCKQUOTE = re.compile(r"^\s*>[>\s]*(.*)$", re.MULTILINE)
_SLANTED = re.compile(
    r"(?<![\w*])\*(?![\s*])([^*\n]+)\*(?![\w*])|(?<![^\W_])_(?![\s_])((?:[^_\n]|(?<=[^\W_])_(?=[^\W_]))+)_(?![^\W_])"
)
_BOLD = re.compile(r"\*\*\*?(?!\s)([^*\n]+)\*\*\*?|(?<!\w)__(?!\s)((?:[^_\n]|_(?!_))+)__(?!\w)")
_LEAD = re.compile(r"[\s#|>-]*")
_LED = re.compile(r"\s*(?:$|[|.,:;!?—–-])")
_SINGLE = re.compile(r"(?<!\w)'(?=\S)((?:[^'\n]|(?<=\w)'(?=\w))+)'(?!\w)")
_IDEOGRAPH = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
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

    `names` are those of tools, models, services, versions and spans that hold a number; `quotes` are confirmed;
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

        A proposal words what there is not yet in code, which may hold numbers then; comments in it are prose.
        """
        if _JOINED.search(statement):
            return NUMBER
        text = REFERENCE.sub(" ", statement)
        for marked in (_BOLD, _SLANTED):
            text = marked.sub(lambda match: " " if self._exists(match[1] or match[2]) else match[0], text)
        found = (self._judged(reading, proposal) for reading in readings(text))
        return next(filter(None, found), "")

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(reading for name in self.names for reading in readings(name) if not _is_number(reading))

    @cached_property
    def _quoted(self) -> frozenset[str]:
        return frozenset(" ".join(reading.split()) for quote in self.quotes for reading in readings(quote))

    @cached_property
    def _untrue(self) -> frozenset[str]:
        return frozenset(reading for each in self.refused for reading in readings(each) if reading.strip())

    def _judged(self, text: str, proposal: bool) -> str:
        if any(each in text for each in self._untrue):
            return REFUSED
        first, *lines = text.split("\n")
        if FENCE.fullmatch(first):
            block = "\n".join(line for line in lines if not FENCE.fullmatch(line))
            return self._prose(first.strip("`~ ")) or self._code(block, proposal=proposal)
        told = _COUNTING.search(CODE.sub(" ", text)) is not None
        for match in CODE.finditer(text):
            counted = match[2].strip().isdigit() and _COUNTS_NEXT.match(text, match.end())
            if counted or (why := self._code(match[2], proposal=proposal, told=told)):
                return NUMBER if counted else why
        return self._prose(CODE.sub(lambda match: self._left(match[2], proposal), text))

    def _left(self, code: str, proposal: bool) -> str:
        """What of code reads on in its sentence."""
        return " " if proposal or self._exists(code.strip()) else re.sub(r"[\"'*>]", " ", code)

    def _code(self, code: str, *, proposal: bool, told: bool = False) -> str:
        """What is wrong with code in a block of its own, or in a sentence that tells counts or not."""
        if self._exists(code.strip()):
            return ""
        if not proposal:
            return self._plain(code) or (STRANGE_QUOTE if _is_long(code) else "")
        comments = "\n".join(_COMMENT.findall(code))
        telling = "\n".join(line for line in code.split("\n") if _COUNTING.search(line) and not _OPERATOR.search(line))
        counts = self._plain(code if told else telling)
        return self._prose(comments) or counts or self._plain(code, numbers=False)

    def _prose(self, text: str) -> str:
        """What is wrong with text without code: with what it marks as quoted, and then with what is left."""
        for match in _BLOCKQUOTE.finditer(text):
            said = match[1].strip()
            if _is_long(said) and not self._exists(said.strip("\"'")) and not _LEAD.fullmatch(said):
                return STRANGE_QUOTE
            text = text.replace(match[1], " ") if said and self._exists(said) else text
        start = _LEAD.match(text)
        for match in [*_SLANTED.finditer(text), *_BOLD.finditer(text), *_SINGLE.finditer(text)]:
            said = next(filter(None, match.groups()), "")
            leads = match.re is _BOLD and start is not None and start.end() == match.start()
            if self._exists(said.strip("\"'")):
                text = text.replace(match[0], " ")
            elif _is_long(said) and not (leads and _LED.match(text, match.end())):
                return STRANGE_QUOTE
        return self._unquoted(text)

    def _unquoted(self, text: str) -> str:
        """As `_prose`, of double quotation marks: the longest quote that exists, else up to the next mark."""
        parts = text.split('"')
        left, at = [parts[0]], 1
        while at < len(parts):
            ends = range(min(len(parts) - 1, at + _MOST_MARKS), at, -1)
            end = next((end for end in ends if self._exists('"'.join(parts[at:end]).strip())), None)
            if end is None and len(parts) - at == 1:
                opens = not left[-1].strip() or left[-1][-1:].isspace()
                if _is_long(parts[at] if opens else left[-1]):
                    return STRANGE_QUOTE
            elif end is None and _is_long(parts[at]):
                return STRANGE_QUOTE
            left += parts[at : at + 2] if end is None else [" ", parts[end]]
            at = at + 2 if end is None else end + 1
        return self._plain(" ".join(left))

    def _plain(self, text: str, *, numbers: bool = True) -> str:
        """What is wrong with text in which nothing is marked as a name or quote."""
        for found in _NAMED.finditer(text):
            said = found[1].rstrip(".:/-")
            if said not in self._named and not self.is_id(said):
                return STRANGE_ID
        text = _NAMED.sub(lambda match: match[0] if _COUNTS_NEXT.match(text, match.end()) else " ", text)
        left = _TOKEN.sub(lambda match: " " if self._known(match[0].rstrip(".:!?…")) else match[0], text)
        if _HEX.search(left):
            return STRANGE_ID
        return NUMBER if numbers and _counts(left) else ""

    def _known(self, token: str) -> bool:
        if token in self._named or token.lower() in _STANDARDS:
            return True
        may_be = not _is_number(token) or (token.isdigit() and len(token) in _WHOLE_IDS)
        return len(token) > 3 and may_be and _is_marked(token) and self.is_id(token)

    def _exists(self, marked: str) -> bool:
        """Whether what is marked as a name or quote exists; a number alone proves nothing."""
        if _is_number(marked):
            return len(marked) > 3 and self.is_id(marked)
        return marked in self._named or self._quotes(marked) or self.is_id(marked) or self.is_place(marked)

    def _quotes(self, marked: str) -> bool:
        line = " ".join(marked.split()).rstrip(".…").rstrip()
        return bool(line) and any(_stands_in(line, quote) for quote in self._quoted)


def names_in(window: FactWindow) -> frozenset[str]:
    """The names in a window that hold a number, at most so many; ask for it through `FactWindow.once`."""
    found: set[str] = set()
    for span in window.spans():
        found.update(_names_of(span))
        if len(found) > _MOST_NAMES:
            break
    return frozenset(found)


def _names_of(span: SpanFact) -> list[str]:
    return [
        name for field in _NAMES if (name := getattr(span, field)) and len(name) <= _NAME_MAX_CHARS and _is_marked(name)
    ]


@lru_cache(maxsize=4096)
def _is_marked(text: str) -> bool:
    """Whether text would be taken for a number or an id."""
    return any(_counts(reading) or _HEX.search(reading) is not None for reading in readings(text))


def _is_number(text: str) -> bool:
    """Whether there is nothing in a text but a number."""
    return not any(sign.isalpha() and not _is_numeric(sign) for sign in _WRITTEN.sub("", text))


def _is_long(said: str) -> bool:
    """Whether so much cannot be worded like this by chance; of scripts without spaces two characters are a word."""
    return len(said.split()) + len(_IDEOGRAPH.findall(said)) // 2 >= _QUOTED_WORDS


def _counts(text: str) -> bool:
    spaced, joined = text.replace("_", " "), text.replace("_", "")
    written = any(_WRITTEN.search(" ".join(each.split())) for each in (spaced, joined))
    return written or _ROMAN.search(text) is not None or any(map(_is_numeric, text))


def _is_numeric(character: str) -> bool:
    """Whether it is a digit or numeral; the Chinese for one is in too many words that count nothing."""
    return character != "一" and unicodedata.numeric(character, None) is not None


def _stands_in(part: str, whole: str) -> bool:
    """Whether a text is a part of another that neither begins nor ends within a word of it."""
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)" if part[0].isalnum() else re.escape(part), whole) is not None
