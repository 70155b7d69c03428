"""One process per data directory: an advisory lock on `halo.lock`, which dies with its process."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.errors import ConfigError

LOCK_NAME = "halo.lock"


class DirectoryLock:
    """Held between `with`; ConfigError names the directory and the process that already has it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = -1

    def __enter__(self) -> Self:
        path = self._directory / LOCK_NAME
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"store.directory: {self._directory} cannot be written ({error.strerror}); use another --data-dir"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise ConfigError(
                f"store.directory: {self._directory} is in use by process {holder}; "
                "stop that process or use another --data-dir"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
