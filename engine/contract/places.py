"""Places in the agent's code that a model cites, `path:line` or `path:line-line`: whether there are such lines."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from analysis.vouching import PLACE
from engine.repository.files import text_of
from engine.tooling import ToolError


def exists_in(repository: Path | None) -> Callable[[str], bool]:
    """Tells of a text whether it is a place in this checkout; without one nothing is."""
    if repository is None:
        return lambda text: False

    @cache
    def lines(path: str) -> int:
        try:
            return text_of(repository, path).count("\n") + 1
        except (ToolError, OSError, ValueError):
            return 0

    def exists(text: str) -> bool:
        found = PLACE.fullmatch(text.strip())
        if found is None:
            return False
        first, last = int(found[2]), int(found[3] or found[2])
        return 1 <= first <= last <= lines(found[1])

    return exists
