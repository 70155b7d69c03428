"""What a processor promises: it sees every request before anything is written or sent on."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, NamedTuple, Self

from domain.signals import Signal


class Batch(NamedTuple):
    """One export request on its way in: the bytes that will be kept and sent on, and the same parsed.

    Who changes the one changes the other: `with_message` makes both from a changed message.
    """

    signal: Signal
    request: bytes
    message: Any

    def with_message(self, message: Any) -> "Batch":
        """The batch of a changed message."""
        return Batch(self.signal, message.SerializeToString(), message)


class Processor(ABC):
    """A step of the pipeline; runs while its `async with` lasts, in the order of halo.yaml.

    A subclass that needs no lifecycle only defines `process`.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def admit(self) -> None:
        """Asked before a request is received; RetryableError sends it back before it has cost anything."""
        return None

    @abstractmethod
    async def process(self, batch: Batch) -> Batch:
        """The batch to go on with, changed or with fewer items; the given message may be changed in place.

        RetryableError: nothing of the request is kept and the sender is asked to come back; PermanentError: it is
        told never to.
        """
