"""docs/report.svg: a report as a terminal shows it, drawn from docs/example-report.md, which a real run wrote."""

import re
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from rendering import terminal
from rendering.escaping import display_width

COLUMNS, ROWS = 118, 48
CHAR_WIDTH, LINE_HEIGHT, MARGIN, BAR = 8.0, 18, 18, 34
PAPER, INK = "#14181f", "#d6dbe3"
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "36": "#79c0ff"}
DIM = "#8b949e"
_CELLS = re.compile(r"\S {2,}\S.* {2,}\S")
_SGR = re.compile(r"\x1b\[([\d;]*)m")


class Piece(NamedTuple):
    """Characters in one style; `codes` are the SGR codes in force."""

    text: str
    codes: frozenset[str]


def pieces(text: str) -> Iterator[Piece]:
    """A line of terminal output as styled pieces."""
    codes: frozenset[str] = frozenset()
    at = 0
    for found in _SGR.finditer(text):
        if found.start() > at:
            yield Piece(text[at : found.start()], codes)
        given = found[1].split(";")
        codes = frozenset() if given in (["0"], [""]) else codes | frozenset(given)
        at = found.end()
    if at < len(text):
        yield Piece(text[at:], codes)


def rows_of(line: str) -> Iterator[list[Piece]]:
    """A line in rows of at most COLUMNS: prose is broken between words, a row of a table is cut."""
    if _CELLS.search(_SGR.sub("", line)):
        yield cut(line)
    else:
        yield from wrapped(line)


def cut(line: str) -> list[Piece]:
    """The first COLUMNS characters of a line, with an ellipsis where more follow."""
    row: list[Piece] = []
    left = COLUMNS
    for piece in pieces(line):
        if len(piece.text) > left:
            return [*row, Piece(piece.text[: max(left - 1, 0)], piece.codes), Piece("…", frozenset("2"))]
        row.append(piece)
        left -= len(piece.text)
    return row


def wrapped(line: str) -> Iterator[list[Piece]]:
    """A line in rows broken between words, as a terminal's reader would like it."""
    row: list[Piece] = []
    width = 0
    for piece in pieces(line):
        for word in re.findall(r"\s+|\S+", piece.text):
            size = display_width(word)
            if width + size > COLUMNS and row:
                yield row
                row, width = [], 0
                if word.isspace():
                    continue
            row.append(Piece(word[:COLUMNS], piece.codes))
            width += size
    yield row


def style(codes: frozenset[str]) -> str:
    """SVG attributes of a style."""
    colour = next((COLOURS[code] for code in sorted(codes) if code in COLOURS), DIM if "2" in codes else "")
    fill = f' fill="{colour}"' if colour else ""
    return fill + (' font-weight="bold"' if "1" in codes else "")


def text_row(row: list[Piece], y: int) -> str:
    """One row of text; each piece stands at its own column, so that fonts of another width cannot shift it."""
    spans, column = [], 0
    for piece in row:
        if not piece.text.isspace():
            x = MARGIN + column * CHAR_WIDTH
            length = display_width(piece.text) * CHAR_WIDTH
            place = f'x="{x:g}" textLength="{length:g}"'
            spans.append(f"<tspan {place}{style(piece.codes)}>{escape(piece.text, quote=False)}</tspan>")
        column += display_width(piece.text)
    return f'<text y="{y}">{"".join(spans)}</text>'


def svg(report: str) -> str:
    """The first rows of a Markdown report as a picture."""
    lines = terminal.markdown(report, colour=True).split("\n")
    rows = [row for line in lines for row in rows_of(line)][:ROWS]
    width = round(COLUMNS * CHAR_WIDTH + 2 * MARGIN)
    height = BAR + len(rows) * LINE_HEIGHT + 2 * MARGIN
    body = "\n".join(text_row(row, BAR + MARGIN + at * LINE_HEIGHT + 12) for at, row in enumerate(rows) if row)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>A report of HALO sidecar in a terminal</title>
<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>
<circle cx="20" cy="18" r="6" fill="#ff5f57"/><circle cx="40" cy="18" r="6" fill="#febc2e"/>
<circle cx="60" cy="18" r="6" fill="#28c840"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" \
fill="{INK}" xml:space="preserve">
{body}
</g>
</svg>
"""
