"""The process that runs one agent's code, driven from a thread of its own, since each of its turns blocks.

The interpreter is pydantic-monty's, in a worker process of its own: memory errors and crashes end that process, never
this one. Its asyncio front is not used, because the runtime behind it may abort this process while Python exits.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from engine.sandbox.limits import SandboxLimits

if TYPE_CHECKING:
    from pydantic_monty import Monty, MontySession

_T = TypeVar("_T")
_RECURSION = 200
_SUSPENSIONS = 1_000_000  # time bounds them
_GRACE_S = 5.0


class Worker:
    """Starts with the first turn, in milliseconds; `close` when done. For one turn at a time."""

    def __init__(self, limits: SandboxLimits) -> None:
        self._limits = limits
        self._pool: Monty | None = None
        self._session: MontySession | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._is_given_up = False
        self.process_id: int | None = None

    async def turn(self, work: Callable[["MontySession"], _T]) -> _T:
        """Have the process do something and wait for it; when the wait is cancelled, the process ends."""
        running = asyncio.ensure_future(self._in_thread(lambda: self._turn(work)))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._is_given_up = True
            self.kill()
            with suppress(Exception):
                await running
            raise

    async def discard(self) -> None:
        """Let go of the session and all it holds; the next turn starts another."""
        session, self._session, self.process_id = self._session, None, None
        self._is_given_up = False
        if session is not None:
            await self._in_thread(lambda: session.__exit__(None, None, None))

    async def close(self) -> None:
        """End the process."""
        await self.discard()
        pool, self._pool = self._pool, None
        if pool is not None:
            await self._in_thread(lambda: pool.__exit__(None, None, None))
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False)

    def kill(self) -> None:
        """End the process at once; a turn that it is at fails."""
        if self.process_id is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process_id, signal.SIGKILL)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        """Run something that blocks; in a thread of this worker, so that others never wait for it."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="halo-code")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _turn(self, work: Callable[["MontySession"], _T]) -> _T:
        session = self._session or self._open()
        if self._is_given_up:
            raise RuntimeError("nobody waits for this turn any more")
        return work(session)

    def _open(self) -> "MontySession":
        from pydantic_monty import Monty

        limits = self._limits
        if self._pool is None:
            pool = Monty(min_processes=1, max_processes=1, request_timeout=limits.execution_s + _GRACE_S)
            self._pool = pool.__enter__()
        session = self._pool.checkout(
            script_name="code.py",
            limits={
                "max_feed_duration_secs": limits.execution_s,
                "max_memory": limits.memory_bytes,
                "max_recursion_depth": _RECURSION,
                "max_suspensions": _SUSPENSIONS,
            },
            os_policy={"sleep": "zero"},
        )
        self._session = session.__enter__()
        self.process_id = self._session.worker_pid
        return self._session
