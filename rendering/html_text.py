"""Text for HTML: what acts is written out, what is endless is cut, and a narrative keeps its lists and strong words.

The template escapes whatever passes through here. A narrative is the one text that becomes markup: it is tamed
first, read as CommonMark without HTML, and what comes out is held to a handful of elements without attributes.
"""

import re
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from rendering.escaping import visible
from rendering.taming import tamed

TEXT_MAX_CHARS = 8_000
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2064\u3164\ufe00-\ufe0f]"
)
_NARRATIVE_TAGS = {"p", "ul", "ol", "li", "strong", "code"}


def shown(text: str, most: int = TEXT_MAX_CHARS) -> str:
    """The text as a reader can trust it: nothing invisible, nothing that turns the direction, not too long."""
    cut = text[:most]
    seen = _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", visible(cut))
    return seen if len(text) <= most else f"{seen} […] ({len(text) - most:,} more characters)"


def finalised(value: object) -> object:
    """What the template writes for a value: markup of ours as it is, everything else as safe text."""
    if value is None:
        return ""
    return value if isinstance(value, Markup) else shown(str(value))


def narrative(markdown: str) -> Markup:
    """A narrative as paragraphs, lists, strong words and code."""
    made = _reader().render(tamed(shown(markdown)))
    return Markup(nh3.clean(made, tags=_NARRATIVE_TAGS, attributes={}, link_rel=None))  # noqa: S704 - cleaned to an allow-list


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})
