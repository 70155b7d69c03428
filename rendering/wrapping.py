"""Breaking styled lines between words, so that a terminal does not break them inside."""

import re

from rendering.escaping import display_width

_SGR = re.compile(r"\x1b\[[0-9;]*m")
_LEAD = re.compile(r"(?:\s*(?:[-*+]|\d{1,3}\.)\s+|\s*(?:>\s?)+|\s*)")


def wrapped(line: str, width: int) -> list[str]:
    """A line in pieces of at most `width` columns; what follows a list mark or a quote's keeps its distance.

    A word that is longer than a line stays whole.
    """
    if display_width(_SGR.sub("", line)) <= width:
        return [line]
    lead = _LEAD.match(_SGR.sub("", line))
    indent = re.sub(r"[^>\s]", " ", lead[0]) if lead else ""
    lines: list[str] = []
    current = ""
    for number, word in enumerate(line.split(" ")):
        longer = f"{current} {word}" if number else word
        if display_width(_SGR.sub("", longer)) > width and _SGR.sub("", current).strip():
            lines.append(current.rstrip())
            longer = indent + word
        current = longer
    return [*lines, current.rstrip()]
