"""Markdown tables and the text that stands in them."""

from collections.abc import Iterable, Sequence

GENERATED = "<!-- Written by `make docs`; change the code it describes instead. -->"


def cell(text: object) -> str:
    """Text that cannot end its cell."""
    return " ".join(str(text).split()).replace("|", "\\|")


def code(text: object) -> str:
    """A cell in code font; empty when there is nothing to show."""
    return f"`{cell(text)}`" if str(text) else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the cells are Markdown already."""
    lines = [list(header), ["---"] * len(header), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(title: str, *parts: str) -> str:
    """A whole generated page."""
    return "\n\n".join((f"# {title}", GENERATED, *(part.strip("\n") for part in parts if part.strip()))) + "\n"
