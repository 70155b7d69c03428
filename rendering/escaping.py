"""Untrusted text stays text: in Markdown, in code spans and fences, and on a terminal.

Markdown rules: https://spec.commonmark.org/0.31.2/ and GitHub's tables, strikethrough and autolinks.
"""

import re
import unicodedata

_LINE_BREAKS = re.compile(r"\r\n|[\r\u2028\u2029\x85]")
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_INLINE = re.compile(r"[\\`*\[\]<|~$]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<!\S)#")
_WWW = re.compile(r"(?i)\bwww(?=\.)")
_LINE_START = re.compile(r"^(?:[+=>-]|\d{1,9}(?=[.)]))")
_TICKS = re.compile(r"`+")


def visible(text: str) -> str:
    """The text with characters that act instead of being seen written out, e.g. `\\x1b` or `\\u202e`.

    Control characters, directional overrides, tag characters and lone surrogates; line feed and tab stay,
    other line breaks become line feeds.
    """
    return _UNSAFE.sub(_written_out, _LINE_BREAKS.sub("\n", text))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str) -> str:
    """The visible text on one line, runs of white space shown as one space."""
    return " ".join(visible(text).split())


def inline(text: str) -> str:
    """One line of Markdown that reads back as the text: no emphasis, link, HTML, code, cell or list starts in it."""
    escaped = _INLINE.sub(lambda match: "\\" + match[0], one_line(text))
    escaped = _WWW.sub(lambda match: match[0] + "\\", escaped)
    return _LINE_START.sub(lambda match: match[0] + "\\" if match[0].isdigit() else "\\" + match[0], escaped)


def paragraphs(text: str) -> str:
    """Markdown that reads back as the text, its blank-line separated paragraphs kept."""
    parts = re.split(r"\n\s*\n", visible(text).strip())
    return "\n\n".join(inline(part) for part in parts if part.strip())


def code(text: str) -> str:
    """A code span that shows the text."""
    shown = one_line(text) or " "
    ticks = "`" * (1 + _longest_run(shown))
    padding = " " if "`" in (shown[0], shown[-1]) else ""
    return f"{ticks}{padding}{shown}{padding}{ticks}"


def cell_code(text: str) -> str:
    """A code span for a table cell, where a pipe would end the cell."""
    return code(text).replace("|", "\\|")


def fenced(text: str, info: str = "text") -> str:
    """A fenced block that shows the text, its fence longer than any run of backticks inside."""
    shown = visible(text)
    ticks = "`" * max(3, 1 + _longest_run(shown))
    return f"{ticks}{info}\n{shown}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def display_width(text: str) -> int:
    """Columns the text takes on a terminal: wide characters two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
