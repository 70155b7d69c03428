"""The child process of one attempt: started by exec, polite, in a group of its own, and gone when its parent is.

Its standard input stays open as long as the parent lives; end of file is how it learns that it is an orphan.
A group of its own keeps Ctrl-C for the parent, which stops its children in order.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

NICENESS = 10
_MAX_NICENESS = 19


def child_command() -> list[str]:
    """How the analysis process is started: the same Python, and the same code as this process runs.

    `-P` keeps modules of the current directory from standing in for HALO's own, unless HALO runs from there.
    """
    return [sys.executable, *([] if _runs_from_its_source() else ["-P"]), "-m", "scheduler.child"]


def _runs_from_its_source() -> bool:
    try:
        return Path.cwd() == Path(__file__).resolve().parent.parent
    except OSError:  # the directory this process was started in is gone
        return False


class Child:
    """A started process; `stop` must be called, however it ends."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._exit = asyncio.create_task(process.wait(), name=f"wait for child {process.pid}")

    @classmethod
    async def start(cls, command: Sequence[str], job: bytes) -> Self:
        """Start a process and hand it its job; OSError when it cannot be started."""
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, process_group=0
        )
        _make_polite(process.pid)
        child = cls(process)
        assert process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # it died at once: its exit code says more
            process.stdin.write(job)
            await process.stdin.drain()
        return child

    async def exited(self, within_s: float) -> bool:
        """Whether it ends within some seconds."""
        done, _ = await asyncio.wait((self._exit,), timeout=within_s)
        return bool(done)

    async def stop(self, grace_s: float) -> None:
        """End what is left of it and of its group: asked first, then killed."""
        if not self._exit.done():
            self._signal(signal.SIGTERM)
            await asyncio.wait((self._exit,), timeout=grace_s)
        self._signal(signal.SIGKILL)
        await self._exit
        if self._process.stdin is not None:
            self._process.stdin.close()

    def how_it_ended(self) -> str:
        """One line for a process that ended without a result."""
        code = self._process.returncode
        if code is None or code >= 0:
            return f"the analysis process ended with exit code {code} before it had a result; see the log"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = "; give the sidecar more memory or look at less" if name == "SIGKILL" else "; see the log"
        return f"the analysis process was killed by {name}{hint}"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _make_polite(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, min(os.getpriority(os.PRIO_PROCESS, 0) + NICENESS, _MAX_NICENESS))
