"""SVG made of plain values: every attribute and every text is escaped here, so no chart has to think of it.

Colours and fonts come from the page's style sheet by class; a drawing has geometry only. Each has a title and a
description, which is what a screen reader says of it.
"""

from markupsafe import Markup, escape

from rendering.html_text import shown

Value = str | int | float
_LABEL_MAX_CHARS = 160


def element(name: str, *children: str, **attributes: Value) -> Markup:
    """One SVG element; underscores in attribute names stand for hyphens, one at the end is dropped."""
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{said}>{Markup().join(children)}</{name}>")  # noqa: S704 - names are ours, the rest is escaped


def text(words: str, x: float, y: float, **attributes: Value) -> Markup:
    """A line of text at a place."""
    return element("text", escape(shown(words, _LABEL_MAX_CHARS)), x=x, y=y, **attributes)


def hint(words: str) -> Markup:
    """What is said of the element that it stands in when somebody points at it."""
    return element("title", escape(shown(words, _LABEL_MAX_CHARS)))


def picture(name: str, title: str, description: str, size: tuple[float, float], *parts: str) -> Markup:
    """A whole drawing; `name` is unique in the page and safe in an id, `size` is width and height."""
    width, height = size
    return element(
        "svg",
        element("title", escape(shown(title, _LABEL_MAX_CHARS)), id=f"{name}-title"),
        element("desc", escape(shown(description, 4 * _LABEL_MAX_CHARS)), id=f"{name}-desc"),
        *parts,
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def _value(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(escape(value))
