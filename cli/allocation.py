"""Keeps the C library's allocator from holding on to what large requests needed for a moment.

glibc raises the size from which a block is mapped on its own, and so given back when it is freed, up to 32 MiB as
soon as such blocks are freed; after that a 20 MB request leaves holes in the heap. Constants: glibc's malloc.h.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 1 << 20
_KEPT_BYTES = 4 << 20
_ARENAS = 2


def give_large_blocks_back() -> bool:
    """Map blocks of a megabyte or more on their own; False where the C library has no such settings."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    settings = ((_MMAP_THRESHOLD, _LARGE_BYTES), (_TRIM_THRESHOLD, _KEPT_BYTES), (_ARENA_MAX, _ARENAS))
    return all([set_option(name, value) == 1 for name, value in settings])
