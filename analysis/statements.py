"""A model's text taken apart into statements, so that one that cannot be shown goes and the others stay.

A statement is a sentence of a paragraph or list item, a heading, a row of a table, or a block of code. It is judged by
what it reads as, because a number can be written so that no search for numbers finds it.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

Judge = Callable[[str], str]
"""What is wrong with a statement, in a few words; empty when nothing is."""

_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_MARKER = re.compile(r"^(\s*)(?:([-*+>])|(\d{1,9})[.)])\s+(?=\S)")
_WHOLE_LINE = re.compile(r"^\s*(?:#{1,6}\s|\|)")
_ABBREVIATION = r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<!\bcf\.)(?<!\bvs\.)"
_SENTENCE_END = re.compile(r"(?<=[.!?])" + _ABBREVIATION + r"[*_)\]”\"']*\s+(?=\S)")
MOST_CHARS = 40_000
TOO_LONG = f"it stands behind the first {MOST_CHARS:,} characters"
"""Why the end of a text is not kept; the rest of it is one entry of what was dropped."""
CODE = re.compile(r"(`+)([^`]+)\1")
FENCE = re.compile(r"\s{0,3}(?:`{3,}|~{3,})[^\n]*")
_QUOTED = re.compile(
    r"<!--.*?-->|<[a-z/][^<>]*>|\"[^\"]*\"|“[^“”]*”|„[^„“”]*[“”]|«[^«»]*»|»[^«»]*«|‹[^‹›]*›|「[^「」]*」|『[^『』]*』|‚[^‚‘’]*[‘’]",
    re.IGNORECASE,
)
_QUOTING_TAG = re.compile(r"</?(?:q|cite|blockquote|em|i)(?:\s[^<>]*)?>", re.IGNORECASE)
_MARKUP = re.compile(r"<!--.*?(?:-->|$)|</?[a-z][^<>]*>", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\))?")
_EMPHASIS = re.compile(r"\*+|~+|==+|\^|(?<![^\W_])_+|_+(?![^\W_])|\\(?=[^\w\s])")
_SPELLED = re.compile(r"(?<!\w)(?:\w[ .·-]){2,}\w(?!\w)")
_NOT_READ = re.compile("[\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]")
_LOOKALIKES = (
    str.maketrans("АВСЕНІЈКМОРЅТХУҮԌԜавсеһіјкмнопрѕтхуүгԁԛԝи", "ABCEHIJKMOPSTXYYGWabcehijkmhonpstxyyrdqwu")
    | str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβγεηικνορτυχωσ", "ABEZHIKMNOPTYXabyenikvoptuxwo")
    | str.maketrans("ıɩłøđɡɑ", "iilodga")
    | dict.fromkeys(map(ord, "“”„‟«»‹›「」『』〝〞〟❝❞❮❯″"), '"')
    | dict.fromkeys(map(ord, "‘’‚‛❛❜′´ʼ"), "'")
)
_PICTURED = {"🔟": "10", "💯": "100"}


@dataclass
class Kept:
    """What is left of a text, and of each statement that is not: the statement and why."""

    text: str = ""
    dropped: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Block:
    """Lines that are judged together; `marker` stands before the first, `sentences` says whether to split them."""

    text: str
    marker: str = ""
    ordered: bool = False
    sentences: bool = True


def kept(markdown: str, judge: Judge) -> Kept:
    """The text without the statements that `judge` finds something wrong with.

    Numbers of ordered lists are ours: they count what is kept. Of a text longer than `MOST_CHARS` the statements that
    end within them are read, and the rest is dropped with `TOO_LONG`.
    """
    found = Kept()
    lines: list[str] = []
    number = length = 0
    blocks, rest = _read(markdown.replace("\r\n", "\n"))
    for block in blocks:
        number = number if block.ordered or not (block.text.strip() and not block.marker) else 0
        text = _kept_of(block, judge, found)
        if block.text.strip() and not text.strip():
            continue
        number += block.ordered
        line = (f"{block.marker}{number}. " if block.ordered else block.marker) + text
        length += len(line) + 1
        if length > MOST_CHARS + 1:
            rest = rest or line
            break
        lines.append(line)
    if rest:
        found.dropped.append((" ".join(rest.split()), TOO_LONG))
    found.text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return found


def readings(text: str) -> tuple[str, ...]:
    """What a text reads as: letter by letter, and with its markup carried out, where that is something else.

    Compatible and similar characters are one, marks that nobody sees are gone, and a quotation mark of any kind is a
    straight one. Markup that is shown as it was written can be read as well, so both are to be judged.
    """
    plain = _folded(_QUOTING_TAG.sub('"', html.unescape(text)))
    shown = _MARKUP.sub("", plain)
    if not FENCE.fullmatch(shown.split("\n", 1)[0]):
        ends = [0, *(end for match in CODE.finditer(shown) for end in match.span()), len(shown)]
        parts = [shown[start:end] for start, end in pairwise(ends)]
        shown = "".join(part if at % 2 else _carried_out(part) for at, part in enumerate(parts))
    return (plain,) if shown == plain else (plain, shown)


def _carried_out(text: str) -> str:
    """Prose without links and emphasis, and with words that are spelled out put together."""
    bare = _EMPHASIS.sub("", _LINK.sub(r"\1", text))
    return _SPELLED.sub(lambda match: re.sub(r"[ .·-]", "", match[0]), bare)


def _folded(text: str) -> str:
    signs = "".join(map(_sign, text))
    kept_signs = (sign for sign in unicodedata.normalize("NFKD", signs) if _is_read(sign))
    return unicodedata.normalize("NFKC", "".join(kept_signs)).translate(_LOOKALIKES).replace("''", '"')


def _sign(sign: str) -> str:
    """A character, or a digit where it is a numeral that would be taken for letters."""
    if sign.isascii():
        return sign
    sign = _PICTURED.get(sign, sign).translate(_LOOKALIKES)
    is_numeral = len(sign) == 1 and unicodedata.category(sign) in ("Nl", "No")
    return "0" if is_numeral and unicodedata.normalize("NFKC", sign).isalpha() else sign


def _is_read(sign: str) -> bool:
    return sign in "\n\t" or not (unicodedata.category(sign) in ("Cf", "Cc", "Mn", "Me") or _NOT_READ.match(sign))


def _read(markdown: str) -> tuple[list[_Block], str]:
    """The blocks of the statements that end within what is read, and the rest."""
    blocks = list(_blocks(markdown[:MOST_CHARS]))
    if len(markdown) <= MOST_CHARS:
        return blocks, ""
    while blocks and not blocks[-1].text.strip():
        blocks.pop()
    last = blocks.pop() if blocks else _Block("")
    *whole, begun = _split(last.text) if last.sentences and last.text else [last.text]
    if whole:
        blocks.append(replace(last, text="".join(whole)))
    return blocks, begun + markdown[MOST_CHARS:]


def _kept_of(block: _Block, judge: Judge, found: Kept) -> str:
    statements = _split(block.text) if block.sentences else [block.text]
    quoted = "> " if block.marker.strip() == ">" else ""
    stay = []
    for statement in statements:
        why = judge(quoted + statement) if statement.strip() else ""
        if why:
            found.dropped.append((" ".join(statement.split()), why))
        else:
            stay.append(statement)
    return "".join(stay).rstrip()


def _split(text: str) -> list[str]:
    """Sentences, each with the white space behind it; together they are the text."""
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    ends = [
        match.end()
        for match in _SENTENCE_END.finditer(text)
        if not text.count("`", 0, match.end()) % 2 and not any(start < match.start() < end for start, end in quoted)
    ]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True) if text[start:end]]


def _blocks(markdown: str) -> Iterator[_Block]:
    paragraph: list[str] = []
    fence: list[str] = []
    closing = ""
    for line in [*markdown.split("\n"), ""]:
        opened = _FENCE.match(line)
        if closing:
            fence.append(line)
            if opened and line.strip().startswith(closing) and not line.strip().strip(closing[0]):
                yield _Block("\n".join(fence), sentences=False)
                fence, closing = [], ""
            continue
        starts = not line.strip() or opened or _MARKER.match(line) or _WHOLE_LINE.match(line)
        if starts and paragraph:
            yield _paragraph(paragraph)
            paragraph = []
        if opened:
            closing, fence = opened[1], [line]
        elif not line.strip() or _WHOLE_LINE.match(line):
            yield _Block(line, sentences=False)
        else:
            paragraph.append(line)
    if fence:  # an unclosed fence goes on to the end of a text
        yield _Block("\n".join(fence).rstrip("\n"), sentences=False)
    if paragraph:
        yield _paragraph(paragraph)


def _paragraph(lines: list[str]) -> _Block:
    """One paragraph or list item, its soft line breaks undone, because a sentence may go over them."""
    first = _MARKER.match(lines[0])
    rest = [line.strip() for line in lines[1:]]
    if first is None:
        return _Block(" ".join([lines[0], *rest]))
    text = " ".join([lines[0][first.end() :], *rest])
    if first[3] is not None:
        return _Block(text, first[1], ordered=True)
    return _Block(text, f"{first[1]}{first[2]} ")
