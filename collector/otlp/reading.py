"""How many gRPC messages are received at once: a message's size is known only when it is in memory.

A unary handler would be called with messages that are there already, sixteen of 20 MB if sixteen senders send them. So
exports are served as streams of one message, and reading it has to wait for its turn; what waits stays with the
sender, held back by HTTP/2's flow control. A sender that takes long does not keep the others waiting: after a
moment its turn is over while it goes on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TURNS = 2
PATIENCE_S = 0.25


class Turns:
    """Lets `count` go on at once, each for at most `patience_s`; the others wait in order."""

    def __init__(self, count: int = TURNS, patience_s: float = PATIENCE_S) -> None:
        self._semaphore = asyncio.Semaphore(count)
        self._patience_s = patience_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; it ends with the `with`, or sooner when that takes too long."""
        await self._semaphore.acquire()
        is_over = False

        def end() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                self._semaphore.release()

        timer = asyncio.get_running_loop().call_later(self._patience_s, end)
        try:
            yield
        finally:
            timer.cancel()
            end()
