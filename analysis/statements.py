"""A model's text taken apart into statements, so that one that cannot be shown goes and the others stay.

A statement is a sentence of a paragraph or list item, a heading, a row of a table, or a block of code.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Judge = Callable[[str], str]
"""What is wrong with a statement, in a few words; empty when nothing is."""

_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_MARKER = re.compile(r"^(\s*)(?:([-*+>])|(\d{1,3})[.)])\s+(?=\S)")
_WHOLE_LINE = re.compile(r"^\s*(?:#{1,6}\s|\|)")
_ABBREVIATION = r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<!\bcf\.)(?<!\bvs\.)"
_SENTENCE_END = re.compile(r"(?<=[.!?])" + _ABBREVIATION + r"[*_)\]”\"']*\s+(?=\S)")
MOST_CHARS = 40_000


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

    Numbers of ordered lists are ours: they count what is kept.
    """
    found = Kept()
    lines: list[str] = []
    number = 0
    for block in _blocks(markdown[:MOST_CHARS]):
        number = number if block.ordered or not (block.text.strip() and not block.marker) else 0
        text = _kept_of(block, judge, found)
        if block.text.strip() and not text.strip():
            continue
        number += block.ordered
        lines.append((f"{block.marker}{number}. " if block.ordered else block.marker) + text)
    found.text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return found


def _kept_of(block: _Block, judge: Judge, found: Kept) -> str:
    statements = _split(block.text) if block.sentences else [block.text]
    stay = []
    for statement in statements:
        why = judge(statement) if statement.strip() else ""
        if why:
            found.dropped.append((" ".join(statement.split()), why))
        else:
            stay.append(statement)
    return "".join(stay).rstrip()


def _split(text: str) -> list[str]:
    """Sentences, each with the white space behind it; together they are the text."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if not text.count("`", 0, match.end()) % 2]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True) if text[start:end]]


def _blocks(markdown: str) -> Iterator[_Block]:
    paragraph: list[str] = []
    fence: list[str] = []
    closing = ""
    for line in [*markdown.replace("\r\n", "\n").split("\n"), ""]:
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
