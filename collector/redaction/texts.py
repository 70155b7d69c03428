"""Redacts one text, JSON inside it included, and leaves every character that no rule touches.

JSON is not parsed and written again: its string tokens are unescaped, redacted and put back one by one, which also
works for JSON that was cut off. A key that names a secret, or that a rule names, takes its whole value with it.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import partial

from collector.redaction.patterns import KEY_ANCHORS, SECRET_KEY, Pattern

MAX_DEPTH = 8
ESCAPES = ("\\u00", "\\/")
"""How JSON hides characters of a secret; such text is always looked into."""
TOO_DEEP = "too_deep"
KEY_RULE = "secret_key"
_HASH_DIGITS = 16
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SHORT_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_COLON = re.compile(r"\s*:\s*")
_BARE = re.compile(r"[^\s,}\]]*+")
_DECODER = json.JSONDecoder()
Hit = Callable[[str], None]


def anchors(patterns: Sequence[Pattern], *, looks_everywhere: bool) -> tuple[str, ...] | None:
    """Lower-case pieces one of which is in every text that a rule can touch; None when there are none such."""
    if looks_everywhere or not all(each.anchors for each in patterns):
        return None
    return tuple(sorted({anchor for each in patterns for anchor in each.anchors} | {*KEY_ANCHORS, *ESCAPES}))


def globs(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """One expression for names that match any of some globs; None when there are none."""
    return re.compile("|".join(map(translate, patterns))) if patterns else None


class Texts:
    """The rules that texts and named values are held to; `hit` is told the rule of every replacement."""

    def __init__(
        self,
        patterns: Sequence[Pattern],
        *,
        secret_keys: bool,
        deny: Sequence[str],
        hashed: Sequence[str],
        hash_key: bytes,
        replacement: str,
        hit: Hit,
    ) -> None:
        self._patterns, self._secret_keys, self._hit = patterns, secret_keys, hit
        self._deny, self._hashed, self._hash_key = globs(deny), globs(hashed), hash_key
        self._replacement = replacement
        self._anchors = anchors(patterns, looks_everywhere=bool(deny or hashed))

    def text(self, text: str, depth: int = 0) -> str:
        """The text without what the rules forbid; the same object when nothing was found."""
        lowered = text.lower()
        if self._anchors is not None and not any(anchor in lowered for anchor in self._anchors):
            return text
        if '"' in text and (clean := self._json(text, depth)) is not text:
            text, lowered = clean, clean.lower()
        for pattern in self._patterns:
            if not pattern.anchors or any(anchor in lowered for anchor in pattern.anchors):
                text = pattern.expression.sub(partial(self._matched, pattern), text)
        return text

    def named(self, key: str, value: str) -> str | None:
        """What a value of this name becomes because of the name; None when the name says nothing."""
        if self._hashed is not None and self._hashed.match(key):
            self._hit("hash")
            return hmac.new(self._hash_key, value.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[
                :_HASH_DIGITS
            ]
        if self._deny is not None and self._deny.match(key):
            return self._replaced("deny")
        if self._secret_keys and SECRET_KEY.fullmatch(key):
            return self._replaced(KEY_RULE)
        return None

    def _names(self, key: str) -> bool:
        """Whether a rule is about values of this name; without it no value's end is looked for."""
        rules = (self._hashed, self._deny, SECRET_KEY if self._secret_keys else None)
        return any(rule is not None and rule.fullmatch(key) for rule in rules)

    def _replaced(self, rule: str) -> str:
        self._hit(rule)
        return self._replacement.replace("{rule}", rule)

    def _matched(self, pattern: Pattern, match: re.Match[str]) -> str:
        found = match[0]
        if pattern.holds is not None and not pattern.holds(found):
            return found
        start, end = match.span("value" if "value" in pattern.expression.groupindex else 0)
        mark = self._replacement.replace("{rule}", pattern.name)
        if found[start - match.start() : end - match.start()] == mark:
            return found
        return found[: start - match.start()] + self._replaced(pattern.name) + found[end - match.start() :]

    def _json(self, text: str, depth: int) -> str:
        if depth >= MAX_DEPTH:
            return self._replaced(TOO_DEEP)
        parts: list[str] = []
        done = position = 0
        while (token := _TOKEN.search(text, position)) is not None:
            start, position = token.span()
            value = _unescaped(token[0])
            colon = _COLON.match(text, position)
            if colon is not None and self._names(value) and (end := _value_end(text, colon.end())) is not None:
                new = self.named(value, _plain(text[colon.end() : end]))
                parts += (text[done : colon.end()], json.dumps(new))
                done = position = end
            elif (clean := self.text(value, depth + 1)) != value:
                parts += (text[done:start], _quoted(clean))
                done = position
        return "".join((*parts, text[done:])) if parts else text


def _unescaped(token: str) -> str:
    """The text of a JSON string, of one that is cut off or has wrong escapes too."""
    try:
        return str(json.loads(token if len(token) > 1 and token.endswith('"') else f'{token}"', strict=False))
    except ValueError:
        return _ESCAPE.sub(_character, token.strip('"'))


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _SHORT_ESCAPES.get(escape[2], escape[2])


def _quoted(text: str) -> str:
    """A JSON string; half surrogate pairs, which no OTLP string may hold, stay escapes."""
    return json.dumps(text, ensure_ascii=any("\ud800" <= each <= "\udfff" for each in text))


def _value_end(text: str, start: int) -> int | None:
    """Where the JSON value at `start` ends; cut-off strings end with the text. Null stays."""
    if text.startswith(("{", "[", '"'), start):
        try:
            return _DECODER.raw_decode(text, start)[1]
        except (ValueError, RecursionError):
            return len(text)
    bare = _BARE.match(text, start)
    return None if bare is None or bare[0] in ("", "null") else bare.end()


def _plain(value: str) -> str:
    return _unescaped(value) if value.startswith('"') else value
