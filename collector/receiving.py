"""What a receiver promises."""

from types import TracebackType
from typing import Protocol, Self


class Receiver(Protocol):
    """Brings spans to a window while its `async with` lasts.

    Entering raises ConfigError when it cannot start. Leaving stops accepting first, then finishes what is in
    flight: afterwards nothing more arrives, and every request was answered or will be sent again.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
