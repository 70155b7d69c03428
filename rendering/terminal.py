"""Text for a terminal: aligned tables, and Markdown reports with a little colour.

Nothing from a span reaches the terminal as an escape sequence: control characters are written out first,
and colour is added afterwards, only when the caller says that a person is looking.
"""

import re
from collections.abc import Iterable, Sequence

from rendering.escaping import display_width, one_line, visible
from rendering.wrapping import wrapped

BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"
CELL_MAX_CHARS = 72
PIPE_CELL_MAX_CHARS = 56
_STATUS_COLOURS = {
    "completed": GREEN,
    "ok": GREEN,
    "delivered": GREEN,
    "running": CYAN,
    "starting": CYAN,
    "queued": CYAN,
    "incomplete": YELLOW,
    "no_traces": YELLOW,
    "cancelled": YELLOW,
    "medium": YELLOW,
    "failed": RED,
    "timed_out": RED,
    "error": RED,
    "critical": RED,
    "high": RED,
}
_FENCE = re.compile(r"^(`{3,})")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_INLINE_CODE = re.compile(r"(`+) ?(.+?) ?\1(?!`)")
_STRONG = re.compile(r"\*\*(.+?)\*\*")
_CELL_RULE = re.compile(r"^\|[-:| ]+\|$")
_CELL_END = re.compile(r"(?<!\\)\|")
_SGR = re.compile(r"\x1b\[[0-9;]*m")


def style(text: str, code: str, colour: bool) -> str:
    """Text in one SGR style, plain without colour."""
    return f"\x1b[{code}m{text}\x1b[0m" if colour and text else text


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, colour: bool = False) -> str:
    """Columns aligned by display width; numbers to the right, long cells cut, statuses coloured."""
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(cells) and all(_is_number(row[at]) for row in cells) for at in range(len(headers))]
    widths = [
        max([display_width(headers[at]), *(display_width(row[at]) for row in cells)]) for at in range(len(headers))
    ]
    lines = [style(_line([header.upper() for header in headers], widths, numeric), BOLD, colour)]
    for row in cells:
        coloured = [style(text, _STATUS_COLOURS[text], colour) if text in _STATUS_COLOURS else text for text in row]
        lines.append(_line(row, widths, numeric, coloured))
    return "\n".join(lines)


def pairs(rows: Iterable[tuple[str, object]], *, colour: bool = False) -> str:
    """`name  value` lines with the values aligned; rows without a value are left out."""
    shown = [(name, one_line(str(value))) for name, value in rows if value not in (None, "")]
    width = max((display_width(name) for name, _ in shown), default=0)
    return "\n".join(
        f"{style(name, DIM, colour)}{' ' * (width - display_width(name))}  "
        f"{style(value, _STATUS_COLOURS.get(value, ''), colour and value in _STATUS_COLOURS)}"
        for name, value in shown
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else one_line(str(value))
    return text if len(text) <= CELL_MAX_CHARS else text[: CELL_MAX_CHARS - 1] + "…"


def _is_number(text: str) -> bool:
    return text == "-" or bool(re.fullmatch(r"-?[\d,.]+", text))


def _line(
    row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool], shown: Sequence[str] | None = None
) -> str:
    parts = []
    for at, text in enumerate(row):
        padding = " " * (widths[at] - display_width(text))
        content = shown[at] if shown else text
        parts.append(padding + content if numeric[at] else content + padding)
    return "  ".join(parts).rstrip()


def markdown(text: str, *, colour: bool, width: int | None = None) -> str:
    """A Markdown report for a terminal: tables aligned, headings, strong text and code standing out.

    With a width, text is broken between words; code and tables are left as they are. Without colour the Markdown itself
    comes back, control characters written out.
    """
    if not colour:
        return visible(text)
    out: list[str] = []
    fence = ""
    rows: list[str] = []
    for line in visible(text).split("\n"):
        if rows and not line.startswith("|"):
            out += _aligned(rows)
            rows = []
        if fence:
            fence = "" if line.strip() == fence else fence
            out.append(style(line, DIM, True))
        elif opened := _FENCE.match(line):
            fence = opened[1]
            out.append(style(line, DIM, True))
        elif line.startswith("|"):
            rows.append(line)
        else:
            shown = _text_line(line)
            out += wrapped(shown, width) if width else [shown]
    return "\n".join([*out, *_aligned(rows)])


def _aligned(rows: Sequence[str]) -> list[str]:
    """A pipe table's rows with their columns aligned, as its rule says, and its heading in bold."""
    cells = [[_short(cell) for cell in _CELL_END.split(row)[1:-1]] for row in rows if not _CELL_RULE.match(row)]
    rule = next((row for row in rows if _CELL_RULE.match(row)), "")
    right = [mark.strip().endswith(":") for mark in rule.split("|")[1:-1]]
    count = max(map(len, cells), default=0)
    shown = [[_text_line(cell) for cell in [*row, *[""] * (count - len(row))]] for row in cells]
    plain = [[display_width(_SGR.sub("", cell)) for cell in row] for row in shown]
    widths = [max(row[at] for row in plain) for at in range(count)]
    lines = []
    for number, row in enumerate(shown):
        parts = []
        for at, cell in enumerate(row):
            padding = " " * (widths[at] - plain[number][at])
            text = style(cell, BOLD, number == 0)
            parts.append(padding + text if at < len(right) and right[at] else text + padding)
        lines.append("  ".join(parts).rstrip())
    return lines


def _short(cell: str) -> str:
    """A pipe table's cell at a width that leaves room for its neighbours, not cut inside an escape."""
    text = cell.strip()
    return text if len(text) <= PIPE_CELL_MAX_CHARS else text[: PIPE_CELL_MAX_CHARS - 1].rstrip("\\") + "…"


def _text_line(line: str) -> str:
    if line.startswith("#"):
        return style(_ESCAPED.sub(r"\1", line.lstrip("#").lstrip()), f"{BOLD};{CYAN}", True)
    out, at = [], 0
    for found in _INLINE_CODE.finditer(line):
        out += [_prose(line[at : found.start()]), style(found[2].replace("\\|", "|"), CYAN, True)]
        at = found.end()
    return "".join([*out, _prose(line[at:])])


def _prose(text: str) -> str:
    strong = _STRONG.sub(lambda match: style(match[1], BOLD, True), text)
    return _ESCAPED.sub(r"\1", strong)
