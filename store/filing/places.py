"""Where the window of some files is kept, and how processes that want the same one keep out of each other's way.

A place is a directory for one list of files. Whoever makes or prolongs its window holds its lock; the window itself
is in a numbered directory, and a new one comes in the place of the old one by a rename, when it is complete. Who
reads a window holds a lock that it shares with other readers, so that nobody removes what is being read.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Self

BESIDE = ".halo-window"
_LOCK = "halo.lock"
_IN_USE = "in-use"
_UNFINISHED = ".part"
_PRIVATE = 0o700


def place_of(paths: Sequence[Path], index_dir: Path | None) -> Path:
    """The directory for the window of these files: below `index_dir`, else beside the first of them."""
    names = [str(path.resolve()) for path in paths]
    digest = blake2b(json.dumps(names).encode(), digest_size=8).hexdigest()
    return (index_dir or paths[0].with_name(paths[0].name + BESIDE)) / digest


class Place:
    """One such directory, locked between `with`: another process waits. OSError when it cannot be written."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = -1

    def __enter__(self) -> Self:
        while not self._locked():
            pass  # whoever had it has removed it
        return self

    def _locked(self) -> bool:
        """Make the directory and lock it; False when it is not there any more once it is locked."""
        self._directory.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        self._directory.mkdir(mode=_PRIVATE, exist_ok=True)
        lock = self._directory / _LOCK
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if lock.exists() and os.path.samestat(lock.stat(), os.fstat(descriptor)):
                self._descriptor = descriptor
                return True
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return False

    def __exit__(self, *_: object) -> None:
        if self.current() is None:
            shutil.rmtree(self._directory, ignore_errors=True)
            with suppress(OSError):
                self._directory.parent.rmdir()
        os.close(self._descriptor)
        self._descriptor = -1

    def current(self) -> Path | None:
        """The directory of the window that was made last; None when there is none."""
        return max(self._windows(), key=lambda path: int(path.name), default=None)

    @contextmanager
    def renewed(self) -> Iterator[Path]:
        """A directory to make a new window in, which becomes the current one at the end."""
        current = self.current()
        target = self._directory / str(1 if current is None else int(current.name) + 1)
        unfinished = target.with_name(target.name + _UNFINISHED)
        self._remove_leftovers()
        unfinished.mkdir(mode=_PRIVATE)
        try:
            yield unfinished
            unfinished.rename(target)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        for old in self._windows():
            if old != target:
                _remove_unless_read(old)

    def _windows(self) -> list[Path]:
        """Those that are complete."""
        return [path for path in self._directory.iterdir() if path.name.isdecimal()]

    def _remove_leftovers(self) -> None:
        """What a process left behind that ended in the middle: whoever holds the lock is the only one who makes."""
        for path in self._directory.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def being_read(window: Path) -> Iterator[None]:
    """Keep the directory of a window from being removed; to be entered while its place is locked."""
    descriptor = os.open(window / _IN_USE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _remove_unless_read(window: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(window / _IN_USE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(window, ignore_errors=True)
        finally:
            os.close(descriptor)
