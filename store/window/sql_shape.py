"""How much a statement may grow while SQLite prepares it, which no limit of SQLite bounds and nothing can interrupt.

A common table expression is copied wherever it is named, and a column of a subquery is replaced by its expression
wherever it is used: a few lines that double themselves become gigabytes. So the growth is estimated first, never too
low, from how the SELECTs nest and how often each of them names the same thing.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.errors import PermanentError

MOST_GROWN = 1_000_000
_TOKEN = re.compile(
    r"""\s+ | --[^\n]* | /\*.*?(?:\*/|\Z)
    | (?P<quoted> "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
    | (?P<word> [^\W\d][\w$]* ) | (?P<other> '(?:[^']|'')*' | [\d.]+ | . )""",
    re.VERBOSE | re.DOTALL,
)
_STARTS = ("select", "with", "values")
_KEYWORDS = """
and as asc between by case cast desc distinct else end from group having in inner is join left like limit not null
offset on or order over partition recursive select then union using values when where with
"""
_NO_NAMES = frozenset(_KEYWORDS.split())


class _Token(NamedTuple):
    """A token in lower case: what it says to the grammar, and what it names; either may be empty."""

    mark: str
    name: str


@dataclass
class _Scope:
    """A SELECT in parentheses, or the whole statement; `names` are its own, without those of what is inside."""

    names: Counter[str] = field(default_factory=Counter)
    size: int = 0
    inside: list["_Scope"] = field(default_factory=list)


_Named = dict[str, list[_Scope]]


def check_shape(sql: str) -> None:
    """PermanentError unless a text is a SELECT that stays bounded when SQLite prepares it."""
    tokens = list(_tokens(sql))
    if not tokens or tokens[0].mark not in _STARTS:
        raise PermanentError("sql: only SELECT, or WITH … SELECT, is answered, over the views traces and spans")
    named: _Named = {}
    if _grown(_read(tokens, named), named, {}) > MOST_GROWN:
        raise PermanentError("sql: too many subqueries that build on each other; nest less, or take several statements")


def _tokens(sql: str) -> Iterator[_Token]:
    """The tokens of a statement without comments and white space."""
    for match in _TOKEN.finditer(sql):
        if quoted := match["quoted"]:
            yield _Token("", quoted[1:-1].lower())
        elif word := match["word"]:
            yield _Token(word.lower(), "" if word.lower() in _NO_NAMES else word.lower())
        elif other := match["other"]:
            yield _Token(other, "")


def _read(tokens: Sequence[_Token], named: _Named) -> _Scope:
    """The scopes of a statement; those that a WITH gives a name are added to `named`."""
    whole = _Scope()
    open_ones = [whole]  # a scope for every parenthesis that is open
    marks = [token.mark for token in tokens] + [""]
    for at, (mark, name) in enumerate(tokens):
        scope = open_ones[-1]
        if mark == "(":
            open_ones.append(_opened(tokens, at, scope, named) if marks[at + 1] in _STARTS else scope)
        elif mark == ")" and len(open_ones) > 1:
            open_ones.pop()
        else:
            scope.size += 1
            if name and marks[at + 1] not in (".", "("):
                scope.names[name] += 1
    return whole


def _opened(tokens: Sequence[_Token], at: int, outer: _Scope, named: _Named) -> _Scope:
    """The scope that a parenthesis opens: the body of a common table expression, or a subquery of `outer`."""
    scope = _Scope()
    at -= 1
    while at > 0 and tokens[at].mark in ("materialized", "not"):
        at -= 1
    if at < 1 or tokens[at].mark != "as":
        outer.inside.append(scope)
        return scope
    at -= 1
    if tokens[at].mark == ")":
        while at > 0 and tokens[at].mark != "(":
            at -= 1
        at -= 1
    named.setdefault(tokens[at].name, []).append(scope)
    return scope


def _grown(scope: _Scope, named: _Named, known: dict[int, int]) -> int:
    """How many tokens a scope comes to when all that it names is copied into it; one that names itself counts once."""
    if id(scope) in known:
        return known[id(scope)]
    known[id(scope)] = 0
    size = sum(_grown(each, named, known) for each in scope.inside)
    for name, times in scope.names.items():
        size += times * sum(_grown(each, named, known) for each in named.get(name, ()))
    known[id(scope)] = min(scope.size + max(scope.names.values(), default=1) * size, MOST_GROWN + 1)
    return known[id(scope)]
