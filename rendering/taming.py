"""A narrative's own Markdown, reduced to what cannot harm: paragraphs, lists, strong text and code.

A narrative is written as Markdown, by the analysis or by a model, and may repeat what stands in a span.
Headings become strong lines; links, images, HTML, tables and fences lose their meaning and stay as text.
"""

import re

from rendering.escaping import code, inline, visible

_LINE = re.compile(r"(?P<indent> {0,6})(?P<marker>(?:[-*+]|\d{1,3}[.)]) +)?(?P<heading>#{1,6} +)?(?P<body>.*)")
_SPAN = re.compile(r"(\*\*[^*\n]+\*\*|`[^`\n]+`)")


def tamed(markdown: str) -> str:
    """The narrative with nothing in it but paragraphs, lists, strong text and code spans."""
    return "\n".join(map(_tamed_line, visible(markdown).strip().split("\n")))


def _tamed_line(line: str) -> str:
    found = _LINE.fullmatch(line.replace("\t", " ").rstrip())
    if found is None or not found["body"]:
        return ""
    marker = f"{found['indent']}{found['marker']}" if found["marker"] else ""
    if found["heading"]:
        return f"{marker}**{inline(found['body'])}**"
    return marker + "".join(map(_tamed_span, _SPAN.split(found["body"])))


def _tamed_span(text: str) -> str:
    if _SPAN.fullmatch(text):
        return f"**{inline(text[2:-2])}**" if text.startswith("**") else code(text[1:-1])
    before = " " if text[:1].isspace() else ""
    after = " " if text.strip() and text[-1:].isspace() else ""
    return f"{before}{inline(text)}{after}"
