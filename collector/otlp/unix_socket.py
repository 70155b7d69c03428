"""The file of a unix socket: taken over from a server that died, never from one that lives, and removed in the end."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.endpoint import Listening, UnixEndpoint, cannot_listen
from domain.errors import ConfigError

MODE = 0o660  # to connect takes the right to write: this user and its group


@contextmanager
def socket_file(endpoint: Listening) -> Iterator[Callable[[], None]]:
    """For a unix socket: clears the way to bind it; call what is yielded once it is bound.

    ConfigError when somebody listens there, or when the file is no socket. For other endpoints nothing happens.
    """
    if not isinstance(endpoint, UnixEndpoint):
        yield lambda: None
        return
    path = Path(endpoint.path)
    _clear(endpoint, path)
    bound: list[tuple[int, int]] = []

    def keep() -> None:
        path.chmod(MODE)
        bound.append(_identity(path))

    try:
        yield keep
    finally:
        # A successor may have bound the path while the last requests were finished.
        with suppress(OSError):
            if bound == [_identity(path)]:
                path.unlink()


def _clear(endpoint: UnixEndpoint, path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"endpoint: {cannot_listen(endpoint, error)}") from error
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"endpoint: {path} exists and is no socket; choose another path or remove the file")
    if _is_served(path):
        raise ConfigError(f"endpoint: {endpoint} is in use; stop the program that listens there or choose another path")
    try:
        path.unlink()
    except OSError as error:
        raise ConfigError(f"endpoint: cannot replace {path}: {error.strerror}; remove it") from error


def _is_served(path: Path) -> bool:
    """Whether a process listens: only a socket that nobody holds open refuses."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
    return True


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
