"""Lists are `{items, next_cursor}`; a cursor is where the next page starts, or null at the end."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import Field

from api.asking import Answer
from domain.component import ComponentConfig

MAX_LIMIT = 1_000
MAX_CURSOR = 2**53
"""More than any list holds, and still a whole number to every client and to SQLite."""
Item = TypeVar("Item")


class Page(ComponentConfig):
    """The part of a query that every list understands."""

    limit: int = Field(default=50, ge=1, le=MAX_LIMIT, description="How many items at most.")
    cursor: int = Field(default=0, ge=0, le=MAX_CURSOR, description="`next_cursor` of the page before.")


def listed(page: Page, fetch: Callable[[int, int], Sequence[Item]], shown: Callable[[Item], Any]) -> Answer:
    """One page; `fetch(limit, offset)` is asked for one item more than wanted, to know whether more follows."""
    found = fetch(page.limit + 1, page.cursor)
    more = len(found) > page.limit
    items = [shown(item) for item in found[: page.limit]]
    return Answer({"items": items, "next_cursor": str(page.cursor + page.limit) if more else None})
