"""Where a server listens: `host:port` or a unix socket, and whether other machines can reach it there."""

import errno
import ipaddress
import os
import socket
import sys
from typing import NamedTuple

_UNIX = "unix:"
# The field of sockaddr_un ends with a NUL byte.
UNIX_PATH_MAX_BYTES = 103 if sys.platform == "darwin" else 107


class Endpoint(NamedTuple):
    """A host name or address and a port; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        """As a user writes it: IPv6 addresses in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine (or pod) can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class UnixEndpoint(NamedTuple):
    """The file of a unix socket."""

    path: str

    def __str__(self) -> str:
        """As a user writes it."""
        return _UNIX + self.path

    @property
    def is_loopback(self) -> bool:
        """Always: a unix socket does not leave the machine."""
        return True


Listening = Endpoint | UnixEndpoint


def parse_endpoint(text: str) -> Endpoint:
    """`127.0.0.1:4317`, `localhost:4317` or `[::1]:4317`; ValueError says what is accepted."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or "/" in host or not (port.isascii() and port.isdecimal()) or int(port[:6]) > 65_535:
        raise ValueError(f"{text!r} is no endpoint; write host:port, e.g. 127.0.0.1:4317 or [::1]:4317")
    return Endpoint(host, int(port))


def parse_listening(text: str, *, is_path: bool = False) -> Listening:
    """An endpoint as `parse_endpoint` reads it, or `unix:/run/halo/otlp.sock`; with `is_path` the bare path too.

    ValueError says what is accepted, or that the path is longer than a socket's may be.
    """
    if not is_path and not text.startswith(_UNIX):
        return parse_endpoint(text)
    path = text.removeprefix(_UNIX)
    if path.startswith("//"):
        path = path[2:]
    if not path or "\0" in path or "/" not in path:
        raise ValueError(f"{text!r} is no path of a unix socket; write e.g. unix:/run/halo/otlp.sock")
    size = len(os.fsencode(path))
    if size > UNIX_PATH_MAX_BYTES:
        raise ValueError(
            f"the path of a unix socket may have {UNIX_PATH_MAX_BYTES} bytes, this one has {size}; "
            "choose a shorter one, e.g. unix:/run/halo/otlp.sock"
        )
    return UnixEndpoint(path)


def cannot_listen(endpoint: Listening, error: OSError) -> str:
    """Why nothing can listen at an endpoint, and what to do, in one line."""
    what = "path" if isinstance(endpoint, UnixEndpoint) else "port"
    if error.errno == errno.EADDRINUSE:
        return f"{endpoint} is in use; stop the program that listens there or choose another {what}"
    if isinstance(error, socket.gaierror) and isinstance(endpoint, Endpoint):
        return f"{endpoint.host!r} has no address; use an address of this machine, e.g. 127.0.0.1"
    if error.errno == errno.ENOENT:
        return f"cannot listen on {endpoint}: its directory does not exist; create it or choose another path"
    choice = "directory that this user may write to" if what == "path" else "address or port"
    return f"cannot listen on {endpoint}: {error.strerror or error}; choose another {choice}"
