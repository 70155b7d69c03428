"""Error messages without what differs from case to case, so that the same failure counts as one.

The masked text is an error's *template*. Masked are quoted strings, URLs, paths, e-mail addresses, UUIDs,
hexadecimal ids, JSON objects and numbers; words stay. All patterns are linear in the length of the text.
"""

import re

TEMPLATE_MAX_CHARS = 200
_SCAN_MAX_CHARS = 2_000

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"https?://[^\s'\"<>]+"), "<url>"),
    (
        re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"),
        "<uuid>",
    ),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}"), "<email>"),
    (re.compile(r"\{[^{}]{0,500}\}"), "<json>"),
    (re.compile(r"\"[^\"\n]{0,300}\"|(?<!\w)'[^'\n]{0,300}'(?!\w)|`[^`\n]{0,300}`"), "<str>"),
    (re.compile(r"(?<![\w<])(?:[A-Za-z]:)?(?:[/\\][\w.@+~-]{1,100}){2,}[/\\]?"), "<path>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[0-9]*[a-fA-F])(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}\b"), "<hex>"),
    (re.compile(r"(?<![A-Za-z_])[-+]?\d[\d,_]*(?:\.\d+)?%?"), "<num>"),
)


def template(text: str) -> str:
    """The template of an error text: its telling line, masked, at most `TEMPLATE_MAX_CHARS` characters.

    Of a traceback the last line tells what happened; of other texts the first, with the next one when it
    ends in a colon.
    """
    lines = [line.strip() for line in text[:_SCAN_MAX_CHARS].splitlines() if line.strip()]
    if not lines:
        return ""
    if lines[0].startswith("Traceback ("):
        tail = [line.strip() for line in text[-_SCAN_MAX_CHARS:].splitlines() if line.strip()]
        line = tail[-1]
    else:
        line = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return " ".join(line.split())[:TEMPLATE_MAX_CHARS]
