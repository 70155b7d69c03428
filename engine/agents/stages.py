"""A part of a run that is cut off when a limit is reached, whatever is going on in it."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Stage:
    """`async with` it: what runs inside is cancelled after some seconds, or once `check` finds the limit reached.

    Being cut off is no error: the block ends, and `cut_off` says so. `reached` names the limit, or gives an empty text.
    """

    def __init__(self, reached: Callable[[], str], seconds: float | None) -> None:
        self._reached = reached
        self._timeout = asyncio.timeout(seconds)
        self._cut = False

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            return True
        return False

    def check(self) -> None:
        """Cut the block off if the limit has been reached."""
        if not self._cut and not self._timeout.expired() and self._reached():
            self._cut = True
            self._timeout.reschedule(asyncio.get_running_loop().time())

    @property
    def cut_off(self) -> bool:
        """Whether the block was ended from here."""
        return self._timeout.expired()
