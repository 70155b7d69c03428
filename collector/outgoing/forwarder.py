"""What a forwarder promises, and what it may answer."""

from types import TracebackType
from typing import NamedTuple, Protocol, Self

from domain.errors import PermanentError
from domain.signals import Signal


class OversizeError(PermanentError):
    """A request that its target finds too large: permanent as it is, but its halves may pass."""


class Receipt(NamedTuple):
    """What a target says about a request that it took: how many items it refused all the same, and why."""

    rejected: int = 0
    message: str = ""


class Forwarder(Protocol):
    """Sends requests to one target while its `async with` lasts, several at once when asked to."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def forward(self, signal: Signal, request: bytes) -> Receipt:
        """Send an encoded export request as it is; returns when the target has it.

        OversizeError: try it in parts; PermanentError: the target will never take it; RetryableError: later, after
        `retry_after_s` if the target said so.
        """
        ...


_SIZE_WORDS = ("too large", "larger than", "exceeds", "too big", "message length", "maximum size")


def speaks_of_size(said: str) -> bool:
    """Whether a target's words blame the size of a request: not all use the status that is meant for it."""
    lowered = said.lower()
    return any(words in lowered for words in _SIZE_WORDS)
