"""Threads that give way: what is sent on may lag behind for a while, what is received must be acknowledged now."""

import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

NICENESS = 10


def background_executor(threads: int, name: str) -> ThreadPoolExecutor:
    """An executor whose threads the system runs after the others of this process, where it can tell them apart."""
    return ThreadPoolExecutor(threads, name, initializer=_give_way)


def _give_way() -> None:
    """On Linux niceness belongs to a thread; elsewhere it would be that of the whole process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
