"""What the text of a pattern says before it is compiled: how large it gets, and which words every match must hold."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<escape>\\(?:[NpP]\{[^}]*\}|[gkLm]<[^>]*>|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.))
    | (?P<class>\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\])
    | (?P<repeat>\{(?P<least>\d*)(?:,(?P<most>\d*))?\}[?+]?)
    | (?P<quantifier>[*+?][?+]?)
    | (?P<open>\((?:\?(?:P?<[^>=!]*>|<?[=!]|[:>|]|[\w&-]+[:)]))?)
    | (?P<close>\)) | (?P<or>\|) | (?P<anchor>[\^$]) | (?P<any>\.) | (?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)
_KINDS = ("escape", "class", "repeat", "quantifier", "open", "close", "or", "anchor", "any")
_INVENTED_WORDS = (
    "trace_id span_id parent_span_id trace_state name kind start_time end_time status code message resource attributes "
    "scope version events time links flags dropped_attributes_count SPAN_KIND_UNSPECIFIED SPAN_KIND_INTERNAL "
    "SPAN_KIND_SERVER SPAN_KIND_CLIENT SPAN_KIND_PRODUCER SPAN_KIND_CONSUMER STATUS_CODE_UNSET STATUS_CODE_OK "
    "STATUS_CODE_ERROR true false null nan inf Infinity NaN"
)
_INVENTED = _INVENTED_WORDS.split()
"""Words that a span's JSON line has though no text of the span says them."""
_CERTAIN = re.compile(r"[^\W\d_][^\W_]*(?:[ _-][^\W_]+)*", re.UNICODE)
_ESCAPED = re.compile(r"\A(?:u[0-9a-f]{4}|[a-fnrt])")  # may be the end of an escape: a line feed is written \n
_NUMERAL = re.compile(r"[0-9a-fA-FTZ .+:-]*")
_LEAST_CHARS = 3


class _Token(NamedTuple):
    """A piece of a pattern; `least` is how often a counted repetition repeats at least."""

    kind: str
    text: str
    least: int


def _tokens(pattern: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(pattern):
        kind = next((name for name in _KINDS if found[name] is not None), "plain")
        yield _Token(kind, found[0], int(found["least"] or 0))


def unrolled_size(pattern: str) -> int:
    """About how many elements a pattern has when its counted repetitions are written out; never too low by much."""
    sums, last = [0], [0]
    for kind, text, least in _tokens(pattern):
        if kind == "open" and not text.endswith(")"):
            sums.append(0)
            last.append(0)
        elif kind == "close" and len(sums) > 1:
            inner = sums.pop()
            last.pop()
            sums[-1] += inner
            last[-1] = inner
        elif kind == "repeat":
            grown = last[-1] * least
            sums[-1] += grown - last[-1]
            last[-1] = grown
        elif kind not in ("quantifier", "open", "close"):
            sums[-1] += 1
            last[-1] = 1
    return sum(sums)


def required_text(pattern: str) -> str:
    """The longest plain text that is in every match and that a span's line has only where its bytes have it too.

    Empty when there is none for certain: where a pattern has alternatives or flags, or says only what JSON adds.
    """
    runs, run, depth = [], "", 0
    for kind, text, least in _tokens(pattern):
        if _is_uncertain(kind, text, depth):
            return ""
        if kind == "plain" and depth == 0 and text != "{":
            run += text
            continue
        is_repeated = kind in ("quantifier", "repeat") or text == "{"
        if is_repeated and not (text[0] == "+" or least):
            run = run[:-1]
        runs.append(run)
        run = ""
        depth += (kind == "open" and text[-1] != ")") - (kind == "close" and depth > 0)
    runs.append(run)
    found = (_ESCAPED.sub("", word) for each in runs for word in _CERTAIN.findall(each))
    words = [word for word in found if _is_certain(word)]
    return max(words, key=len, default="")


def _is_uncertain(kind: str, text: str, depth: int) -> bool:
    """Whether from here on nothing is sure: an alternative of the whole pattern, flags, a recursion."""
    return (kind == "or" and depth == 0) or (kind == "open" and len(text) > 1 and text[-1] == ")")


def _is_certain(word: str) -> bool:
    if len(word) < _LEAST_CHARS or _NUMERAL.fullmatch(word):
        return False
    return not any(word in invented for invented in _INVENTED)
