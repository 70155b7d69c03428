"""How much memory this process may use, and how to give some back.

Limits of containers: https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max) and its version 1
(memory.limit_in_bytes). Without either the machine's memory counts.
"""

import ctypes
import gc
import os
from pathlib import Path

_UNLIMITED = 2**60  # version 1 says "no limit" as a very large number
_LIMIT_FILES = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def machine_limit_bytes(root: Path = Path("/")) -> int:
    """What the container may use, else what the machine has; `root` is where the system's files are."""
    limits = [os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES]
    for name in _LIMIT_FILES:
        try:
            limits.append(int((root / name).read_text()))
        except (OSError, ValueError):
            continue
    return min(limit for limit in limits if 0 < limit < _UNLIMITED)


def give_back() -> None:
    """Collect garbage and return free memory to the system, where the C library can."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
