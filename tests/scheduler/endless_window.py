"""A store backend whose traces never become quiet; it notes who opened it."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.component import ComponentConfig
from store.base import Selected, Selection

NAME = __name__


class Config(ComponentConfig):
    """Nothing to set."""


def create(config: Config) -> None:
    """Only its reading door is used."""


class Reader:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def select(self, selection: Selection) -> Selected:
        return Selected(keys=(), settling=1, open=0, dropped_spans=0)


def open_reader(directory: Path) -> Reader:
    (directory / "opened-by").write_text(f"{os.getpid()}\n")
    return Reader()
