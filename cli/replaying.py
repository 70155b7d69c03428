"""Sending requests one after the other to a receiver: at a rate, patiently, and counting what got there."""

from collections.abc import Awaitable, Callable, Iterable, Iterator

from collector.outgoing.forwarder import Forwarder, OversizeError, Receipt
from collector.outgoing.splitting import halves
from domain.errors import PermanentError, RetryableError
from domain.signals import Signal
from domain.wire import Piece, join, split
from store.loading import MAX_REQUEST_BYTES, Loaded

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0


def batches(requests: Iterable[Loaded], most_items: int) -> Iterator[Loaded]:
    """The same items in requests of at most `most_items`, and about as many bytes as files are read in."""
    pieces: list[Piece] = []
    size = 0
    last: Signal | None = None
    for signal, request in requests:
        for piece in split(request):
            is_full = len(pieces) >= most_items or size + len(piece.span) > MAX_REQUEST_BYTES
            if last is not None and pieces and (is_full or signal is not last):
                yield Loaded(last, join(pieces))
                pieces, size = [], 0
            pieces.append(piece)
            size += len(piece.span)
            last = signal
    if last is not None and pieces:
        yield Loaded(last, join(pieces))


class Replayer:
    """Sends to one receiver and counts items: `sent`, `failed`, and why the first failed.

    `rate` is in items a second, None for as fast as it goes; `patience_s` is how long a request is tried.
    """

    def __init__(
        self,
        receiver: Forwarder,
        *,
        rate: float | None,
        patience_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        tell: Callable[[str], None],
    ) -> None:
        self._receiver = receiver
        self._rate = rate
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._tell = tell
        self._started_s = clock()
        self.sent = self.failed = 0
        self.reason = ""

    async def send(self, signal: Signal, request: bytes) -> None:
        """Send a request, in parts if it must be; RetryableError when patience is at its end."""
        count = sum(1 for _ in split(request))
        await self._keep_to_rate()
        try:
            receipt = await self._insist(signal, request)
        except OversizeError as error:
            parts = halves(request)
            if not parts:
                return self._count_failed(count, str(error))
            for part in parts:
                await self.send(signal, part)
            return
        except PermanentError as error:
            return self._count_failed(count, str(error))
        except RetryableError as error:
            self._count_failed(count, str(error))
            raise
        rejected = min(receipt.rejected, count)
        self.sent += count - rejected
        if rejected:
            self._count_failed(rejected, receipt.message or "the receiver refused them")

    def _count_failed(self, count: int, reason: str) -> None:
        self.failed += count
        self.reason = self.reason or reason

    async def _keep_to_rate(self) -> None:
        if self._rate is not None:
            due_s = self._started_s + (self.sent + self.failed) / self._rate
            if (early_s := due_s - self._clock()) > 0:
                await self._sleep(early_s)

    async def _insist(self, signal: Signal, request: bytes) -> Receipt:
        started_s, wait_s = self._clock(), FIRST_WAIT_S
        while True:
            try:
                return await self._receiver.forward(signal, request)
            except RetryableError as error:
                pause_s = max(error.retry_after_s or 0.0, wait_s)
                if self._clock() + pause_s - started_s > self._patience_s:
                    raise
                if wait_s == FIRST_WAIT_S:
                    self._tell(f"{error}; trying again for {self._patience_s:g} s")
                await self._sleep(pause_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
